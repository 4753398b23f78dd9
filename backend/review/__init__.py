"""What annotators did with the predictions they saw."""
