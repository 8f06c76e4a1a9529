"""Entropy."""

from math import log

import torch
from torch import Tensor

from ...benchmark import metric


@metric(better="lower", reads="magnitude", paper="arXiv:2005.00631", passes=lambda: (0, 0))
def entropy(attribution: Tensor) -> Tensor:
    """The Shannon entropy of the magnitudes of relevance, relative to that of a constant map.

    From 0, all on one element, to 1, all alike; NaN for a zero map, or where there is but one element. Bhatt et al.
    (2020) do not divide by the logarithm of the number of elements, and so grow with the resolution.
    """
    magnitude = attribution.abs()
    share = magnitude / magnitude.sum(1, keepdim=True)
    count = share.shape[1]
    total: Tensor = torch.special.entr(share).sum(1)
    return total / (log(count) if count > 1 else torch.nan)
