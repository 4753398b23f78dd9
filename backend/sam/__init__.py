"""Masks from clicks and boxes: engines, prompts, embeddings that are kept, and what annotators see of them."""
