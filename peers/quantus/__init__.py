"""The metrics of quantus."""

from . import axiomatic, complexity, curves, effects, localisation, randomisation, robustness

__all__ = ["axiomatic", "complexity", "curves", "effects", "localisation", "randomisation", "robustness"]
