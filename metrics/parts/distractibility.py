"""Distractibility."""

from torch import Tensor

from ...benchmark import metric
from ._parts import unmoved, visible


@metric(better="higher", reads="magnitude", paper="arXiv:2308.06248", passes=lambda: (0, 0))
def distractibility(attribution: Tensor, effect: Tensor, parts: Tensor, *, tolerance: float = 0.05) -> Tensor:
    """The share of things without influence that are given no relevance, averaged over all thresholds.

    A thing that the scene shows is without influence where really removing it moves the score by less than `tolerance`
    of the largest effect. Hesse et al. (2023) take a share of the score itself, let what raises the score count as
    without influence, and choose the threshold for having relevance on the test samples; here it goes from zero to the
    most relevant thing's magnitude. In [0, 1]; NaN for a zero map, or where everything has influence.
    """
    size = effect.abs()
    idle = (size < tolerance * size.amax(1, keepdim=True)) & visible(parts, effect.shape[1])
    return unmoved(attribution, parts, idle)
