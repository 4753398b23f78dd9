"""Masks from clicks and boxes: engines, prompts, kept embeddings, and what annotators see of them."""
