"""Synthetic scenes and the small detector that the demo project starts from."""
