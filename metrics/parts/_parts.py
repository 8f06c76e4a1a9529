"""Shared code of the protocols for parts."""

from torch import Tensor

from ...benchmark import areas, per_unit


def marked(elements: Tensor, parts: Tensor, count: int) -> Tensor:
    """Return the parts (N, P) of which some element (N, E) is marked."""
    return per_unit(elements.long(), parts, count) > 0


def visible(parts: Tensor, count: int) -> Tensor:
    """Return the parts (N, P) that a sample shows."""
    return areas(parts, count) > 0


def unmoved(attribution: Tensor, parts: Tensor, idle: Tensor) -> Tensor:
    """Return the share of `idle` parts (N, P) without relevance, averaged over all thresholds for having some.

    A part has it where its magnitude exceeds a threshold from zero to that of the most relevant part: the share without
    is one less the mean of the magnitudes relative to the largest. NaN for a zero map, or where no part is idle.
    """
    relevance = per_unit(attribution, parts, idle.shape[1]).abs()
    level = relevance / relevance.amax(1, keepdim=True)
    return 1 - (level * idle).sum(1) / idle.sum(1)
