"""Figures from the ledger: how good a model is, and how sure that is."""
