"""Snapshots: which labels and images a run is trained on, for good."""
