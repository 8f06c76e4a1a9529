"""Metrics that ask the model: they see no truth."""
