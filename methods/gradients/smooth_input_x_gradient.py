"""Smoothed input times gradient."""

from torch import Tensor

from ...benchmark import Differentiable, method
from .._blur import smoothed
from .._pictures import demand_pictures


@method(paper="arXiv:2205.10435", passes=lambda: (1, 1))
def smooth_input_x_gradient(model: Differentiable, x: Tensor, target: Tensor, *, kernel: int = 0) -> Tensor:
    """Input times gradient, blurred with a Gaussian of `kernel` pixels; 0: the paper's 129 of 448, in proportion."""
    demand_pictures(x, "smooth_input_x_gradient")
    return smoothed(x * model.gradient(x, target), kernel, "smooth_input_x_gradient")
