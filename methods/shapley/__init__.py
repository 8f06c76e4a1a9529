"""Shapley values, exact and estimated."""
