"""Correlations per sample that know what rounding is."""

import torch
from scipy.stats import kendalltau, rankdata
from torch import Tensor

from .._levels import RESOLUTION, levels


def pearson(left: Tensor, right: Tensor) -> Tensor:
    """Return Pearson's correlation (N,) of rows (N, M); NaN where either is constant."""
    return (_standard(left) * _standard(right)).sum(1)


def spearman(left: Tensor, right: Tensor) -> Tensor:
    """Return Spearman's correlation (N,) of rows (N, M); NaN where either is constant."""
    return pearson(*(torch.from_numpy(rankdata(levels(each).numpy(), axis=1)) for each in (left, right)))


def kendall(left: Tensor, right: Tensor) -> Tensor:
    """Return Kendall's tau-b (N,) of rows (N, M); NaN where either is constant."""
    if left.shape[1] < 2:
        return left.new_full((len(left),), torch.nan)
    pairs = zip(levels(left).numpy(), levels(right).numpy(), strict=True)
    return torch.tensor([float(kendalltau(*pair).statistic) for pair in pairs], dtype=torch.float64)


def _standard(values: Tensor) -> Tensor:
    """Return rows (N, M) without their mean and length, safely for any magnitude; a constant one becomes NaN."""
    bounded = values.double() / values.double().abs().amax(1, keepdim=True)
    centred = bounded - bounded.mean(1, keepdim=True)
    constant = centred.abs().amax(1, keepdim=True) <= RESOLUTION
    return centred / centred.square().sum(1, keepdim=True).sqrt().masked_fill(constant, torch.nan)
