"""SmoothGrad squared."""

import torch
from torch import Tensor

from ...benchmark import Differentiable, Rng, method
from .._budget import demand
from ._noisy import noisy_gradients


@method(paper="arXiv:1806.10758", signed=False, passes=lambda budget: (budget, budget))
def square_grad(
    model: Differentiable, x: Tensor, target: Tensor, rng: Rng, *, budget: int = 15, noise: float = 0.15
) -> Tensor:
    """The squared gradient averaged over `budget` noisy copies; `noise` is a share of the range. Defaults are ours."""
    demand(budget, 1, "square_grad")
    total = torch.zeros_like(x, dtype=torch.float64)
    for gradient in noisy_gradients(model, x, target, rng, budget, noise):
        total += gradient.square()
    return total / budget
