"""Relevance mass."""

from torch import Tensor

from ...benchmark import metric


@metric(better="higher", reads="positive", paper="arXiv:2003.07258", passes=lambda: (0, 0))
def relevance_mass(attribution: Tensor, truth: Tensor, impossible: Tensor) -> Tensor:
    """The share of positive relevance that falls on the truth; NaN where either is missing.

    In [0, 1]. Counted over the elements that are known to be relevant or impossible (Arras et al. 2022, eq. 1).
    """
    positive = attribution.clamp(min=0)
    hit = (positive * truth).sum(1)
    return hit.where(truth.any(1), float("nan")) / (hit + (positive * impossible).sum(1))
