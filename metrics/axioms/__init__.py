"""Metrics of axioms: what attributions should add up to."""
