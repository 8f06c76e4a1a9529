"""Metrics of an attribution alone: how much there is to read."""
