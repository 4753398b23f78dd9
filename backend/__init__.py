"""Serve predictions to Label Studio, and keep account of what annotators do with them."""
