"""Correlations per sample of relevance with differences of scores, which know what rounding is.

Relevance is told apart as in `snapped`, and differences by more than their `rounding`.
"""

import torch
from scipy.stats import kendalltau
from torch import Tensor

from ...benchmark import ranks, snapped


def pearson(relevance: Tensor, difference: Tensor, rounding: float = 0.0) -> Tensor:
    """Return Pearson's correlation (N,) of rows (N, M); NaN where either is constant."""
    return (_standard(relevance) * _standard(difference, rounding)).sum(1)


def spearman(relevance: Tensor, difference: Tensor, rounding: float = 0.0) -> Tensor:
    """Return Spearman's correlation (N,) of rows (N, M); NaN where either is constant."""
    return pearson(ranks(relevance), ranks(difference, rounding))


def kendall(relevance: Tensor, difference: Tensor, rounding: float = 0.0) -> Tensor:
    """Return Kendall's tau-b (N,) of rows (N, M); NaN where either is constant."""
    if relevance.shape[1] < 2:
        return relevance.new_full((len(relevance),), torch.nan)
    pairs = zip(snapped(relevance).numpy(), snapped(difference, rounding).numpy(), strict=True)
    return torch.tensor([float(kendalltau(*pair).statistic) for pair in pairs], dtype=torch.float64)


def _standard(values: Tensor, rounding: float = 0.0) -> Tensor:
    """Return rows (N, M) without their mean and length, safely for any magnitude; a constant one becomes NaN."""
    level = snapped(values, rounding)
    constant = (level == level[:, :1]).all(1, keepdim=True)
    bounded = values.double() / values.double().abs().amax(1, keepdim=True)
    centred = bounded - bounded.mean(1, keepdim=True)
    return centred / centred.square().sum(1, keepdim=True).sqrt().masked_fill(constant, torch.nan)
