"""Metrics of neighbours: how much an explanation changes where the input hardly does."""
