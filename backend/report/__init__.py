"""What is worked out of a project for people: its report, and what they should do next."""
