"""Sparseness."""

import torch
from torch import Tensor

from ...benchmark import metric


@metric(better="higher", reads="magnitude", paper="arXiv:1810.06583", passes=lambda: (0, 0))
def sparseness(attribution: Tensor) -> Tensor:
    """The Gini index of the magnitudes of relevance.

    From 0, all alike, to 1 - 1/E, all on one of E elements; NaN for a zero map (Chalasani et al. 2020, section 5).
    """
    ordered = attribution.abs().sort(1).values
    count = ordered.shape[1]
    place = torch.arange(1, count + 1, dtype=ordered.dtype)
    return ((2 * place - count - 1) * (ordered / ordered.sum(1, keepdim=True))).sum(1) / count
