"""How good a model is on the test split, and whether another one is better."""
