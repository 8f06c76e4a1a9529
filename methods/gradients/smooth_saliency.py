"""Smoothed saliency."""

from torch import Tensor

from ...benchmark import Differentiable, Rng, method
from .._budget import demand
from ._noisy import mean_gradient


@method(paper="arXiv:1706.03825", signed=False, passes=lambda budget: (budget, budget))
def smooth_saliency(
    model: Differentiable, x: Tensor, target: Tensor, rng: Rng, *, budget: int = 32, noise: float = 0.15
) -> Tensor:
    """The magnitude of SmoothGrad: of the gradient averaged over `budget` noisy copies; see `smoothgrad`."""
    demand(budget, 1, "smooth_saliency")
    return mean_gradient(model, x, target, rng, budget, noise).abs()
