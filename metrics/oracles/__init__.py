"""Proofs of the metrics: maps whose scores are known."""
