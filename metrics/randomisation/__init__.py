"""Metrics of forgetting: whether an explanation changes with the model, and with the question."""
