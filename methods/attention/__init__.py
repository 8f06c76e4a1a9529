"""Attention among the tokens of a transformer, and its effect on the score."""
