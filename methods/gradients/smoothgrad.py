"""SmoothGrad."""

from torch import Tensor

from ...benchmark import Differentiable, Rng, method
from .._budget import demand
from ._noisy import mean_gradient


@method(paper="arXiv:1706.03825", passes=lambda budget: (budget, budget))
def smoothgrad(
    model: Differentiable, x: Tensor, target: Tensor, rng: Rng, *, budget: int = 32, noise: float = 0.15
) -> Tensor:
    """The gradient averaged over `budget` noisy copies; `noise` is a share of the range. The default budget is ours."""
    demand(budget, 1, "smoothgrad")
    return mean_gradient(model, x, target, rng, budget, noise)
