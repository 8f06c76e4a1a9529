"""SmoothGrad."""

import torch
from torch import Tensor

from ...benchmark import Differentiable, Rng, method
from .._budget import demand
from ._noisy import noisy_gradients


@method(paper="arXiv:1706.03825", passes=lambda budget: (budget, budget))
def smoothgrad(
    model: Differentiable, x: Tensor, target: Tensor, rng: Rng, *, budget: int = 32, noise: float = 0.15
) -> Tensor:
    """The gradient averaged over `budget` noisy copies; `noise` is a share of the range. The default budget is ours."""
    demand(budget, 1, "smoothgrad")
    total = torch.zeros_like(x, dtype=torch.float64)
    for gradient in noisy_gradients(model, x, target, rng, budget, noise):
        total += gradient
    return total / budget
