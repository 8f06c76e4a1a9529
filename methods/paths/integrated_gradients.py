"""Integrated gradients."""

from torch import Tensor

from ...benchmark import Differentiable, method
from ._line import line_integral


@method(paper="arXiv:1703.01365", passes=lambda budget: (budget, budget))
def integrated_gradients(
    model: Differentiable,
    x: Tensor,
    target: Tensor,
    baseline: Tensor,
    *,
    budget: int = 32,
    quadrature: str = "gauss_legendre",
) -> Tensor:
    """The gradient averaged on the straight line from the baseline, times the way.

    `quadrature` is gauss_legendre, trapezoid, left, right or midpoint; the paper takes 20 to 300 points, and
    the default of 32 is ours.
    """
    return line_integral(model, x, target, baseline, budget, quadrature)
