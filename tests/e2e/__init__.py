"""Tests against a real Label Studio, a real browser and the real server processes."""
