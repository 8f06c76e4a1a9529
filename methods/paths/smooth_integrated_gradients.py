"""Smoothed integrated gradients."""

from torch import Tensor

from ...benchmark import Differentiable, method
from .._blur import smoothed
from .._pictures import demand_pictures
from ._line import line_integral


@method(paper="arXiv:2205.10435", passes=lambda budget: (budget, budget))
def smooth_integrated_gradients(
    model: Differentiable, x: Tensor, target: Tensor, baseline: Tensor, *, budget: int = 20, kernel: int = 0
) -> Tensor:
    """Integrated gradients, blurred with a Gaussian of `kernel` pixels; 0: the paper's 129 of 448, in proportion.

    The paper takes 20 steps.
    """
    demand_pictures(x, "smooth_integrated_gradients")
    sharp = line_integral(model, x, target, baseline, budget, name="smooth_integrated_gradients")
    return smoothed(sharp, kernel, "smooth_integrated_gradients")
