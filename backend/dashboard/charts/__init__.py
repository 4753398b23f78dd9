"""What is drawn of a project: sections of charts, each with its table. Pure."""
