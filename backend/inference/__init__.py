"""Weights in memory, and images through them. Knows no Label Studio, no HTTP, no database."""
