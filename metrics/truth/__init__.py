"""Metrics that compare an attribution with the truth."""
