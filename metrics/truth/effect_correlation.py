"""Rank correlation with the true effects."""

import torch
from torch import Tensor

from ...benchmark import metric, per_unit, ranks

RESOLUTION = 1e-6
"""Maps are stored in single precision: units closer than this, relative to the largest, are tied."""


@metric(better="higher", paper="arXiv:2308.06248", passes=lambda: (0, 0))
def effect_correlation(attribution: Tensor, effect: Tensor, parts: Tensor) -> Tensor:
    """Spearman's correlation of the units' relevance with what really removing them does.

    In [-1, 1]; NaN where the relevance, or the effect, is the same for all units.
    """
    pair = ranks(_levels(per_unit(attribution, parts, effect.shape[1]))), ranks(effect)
    left, right = (values.double() - values.double().mean(1, keepdim=True) for values in pair)
    return (left * right).sum(1) / torch.sqrt((left**2).sum(1) * (right**2).sum(1))


def _levels(relevance: Tensor) -> Tensor:
    """Number the different values of each row (N, U) in ascending order."""
    ordered, place = relevance.sort(1)
    rises = ordered.diff(dim=1) > RESOLUTION * relevance.abs().amax(1, keepdim=True)
    level = torch.cat([rises.new_zeros(len(rises), 1), rises], 1).cumsum(1)
    return level.scatter(1, place, level)
