"""Rank correlation with the true effects."""

import torch
from torch import Tensor

from ...benchmark import metric, per_unit, ranks, rounding_of


@metric(better="higher", paper="arXiv:2308.06248", passes=lambda: (0, 0), chance=0.0)
def effect_correlation(attribution: Tensor, effect: Tensor, parts: Tensor) -> Tensor:
    """Spearman's correlation of the units' relevance with what really removing them does.

    In [-1, 1]; NaN where the relevance, or the effect, is the same for all units. Relevance that differs by a share of
    2^-36 or less is tied, and so are effects that differ by the rounding of the precision that they are given in.
    """
    pair = ranks(per_unit(attribution, parts, effect.shape[1])), ranks(effect, rounding_of(effect.dtype))
    left, right = (values.double() - values.double().mean(1, keepdim=True) for values in pair)
    return (left * right).sum(1) / torch.sqrt((left**2).sum(1) * (right**2).sum(1))
