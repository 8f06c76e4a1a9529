"""Cosine with the true effects."""

from torch import Tensor

from ...benchmark import metric, per_unit
from ._direction import direction


@metric(better="higher", passes=lambda: (0, 0), chance=0.0)
def effect_cosine(attribution: Tensor, effect: Tensor, parts: Tensor) -> Tensor:
    """The cosine between the units' relevance and what really removing them does.

    In [-1, 1]; NaN where either is zero for all units.
    """
    return (direction(per_unit(attribution, parts, effect.shape[1])) * direction(effect)).sum(1)
