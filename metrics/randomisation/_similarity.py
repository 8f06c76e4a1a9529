"""The similarity of two maps."""

import torch
from torch import Tensor

from ...benchmark import ranks


def spearman(left: Tensor, right: Tensor) -> Tensor:
    """Return Spearman's correlation (N,) of signed maps (N, E); NaN where one is constant, or not finite."""
    one, other = (ranks(each.double()) - (each.shape[1] + 1) / 2 for each in (left, right))
    correlation = (one * other).sum(1) / (one.square().sum(1) * other.square().sum(1)).sqrt()
    return correlation.where((left.isfinite() & right.isfinite()).all(1), torch.nan)
