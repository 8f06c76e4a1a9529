"""Heatproof: attribution methods, put to the proof."""
