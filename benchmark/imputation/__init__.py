"""Imputers: what stands in for what is hidden."""
