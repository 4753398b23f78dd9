"""Pre-labelling as a job: every task of a project predicted and pushed once, however often it is killed."""
