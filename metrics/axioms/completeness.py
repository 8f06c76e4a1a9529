"""Completeness."""

from torch import Tensor

from ...benchmark import BlackBox, metric


@metric(better="lower", scale_free=False, paper="arXiv:1703.01365", passes=lambda: (2, 0))
def completeness(model: BlackBox, x: Tensor, target: Tensor, baseline: Tensor, attribution: Tensor) -> Tensor:
    """The distance of the relevance's sum from the score's change between baseline and input, relative to that change.

    0 is complete (Sundararajan et al. 2017, proposition 1); NaN where the score does not change.
    """
    change = (model.score(x, target) - model.score(baseline, target)).double()
    return (attribution.sum(1) - change).abs() / change.abs().where(change != 0, float("nan"))
