"""VarGrad."""

import torch
from torch import Tensor

from ...benchmark import Differentiable, Rng, method
from .._budget import demand
from ._noisy import noisy_gradients


@method(paper="arXiv:1810.03307", signed=False, passes=lambda budget: (budget, budget))
def var_grad(
    model: Differentiable, x: Tensor, target: Tensor, rng: Rng, *, budget: int = 15, noise: float = 0.15
) -> Tensor:
    """The variance of the gradient over `budget` noisy copies; `noise` is a share of the range. Defaults are ours."""
    demand(budget, 2, "var_grad")
    mean = torch.zeros_like(x, dtype=torch.float64)
    apart = torch.zeros_like(mean)
    # Welford's sums: a gradient that never changes has a variance of exactly zero.
    for count, gradient in enumerate(noisy_gradients(model, x, target, rng, budget, noise), 1):
        off = gradient - mean
        mean += off / count
        apart += off * (gradient - mean)
    return apart / budget
