"""Training runs: when they are due, how they are asked for, how far they are."""
