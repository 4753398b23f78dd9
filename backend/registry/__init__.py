"""Model versions: which one serves a project, and how another one comes into service."""
