"""Relevance mass."""

from torch import Tensor

from ...benchmark import metric


@metric(better="higher", reads="positive", paper="arXiv:2003.07258", passes=lambda: (0, 0))
def relevance_mass(attribution: Tensor, truth: Tensor, impossible: Tensor) -> Tensor:
    """The share of positive relevance that falls on the truth; NaN where either is missing.

    In [0, 1]. Counted over the elements that are known to be relevant or impossible (Arras et al. 2022, eq. 1).

    The same number has other names: attribution localisation (Kohlbrenner et al. 2020), the energy-based pointing game
    where the truth is a box (Wang et al. 2020), and focus where it is the target's tiles of a mosaic (Arias-Duart et
    al. 2022).
    """
    positive = attribution.clamp(min=0)
    hit = (positive * truth).sum(1)
    return hit.where(truth.any(1), float("nan")) / (hit + (positive * impossible).sum(1))
