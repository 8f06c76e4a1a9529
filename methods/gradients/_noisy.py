"""Gradients at noisy copies of an input."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ...benchmark import Differentiable, Rng
from .._points import at_points


def noisy_gradients(
    model: Differentiable, x: Tensor, target: Tensor, rng: Rng, budget: int, noise: float
) -> Iterator[Tensor]:
    """Yield the gradient, in double precision, at `budget` copies with normal noise, a share of the input's range."""
    spread = noise * (x.flatten(1).amax(1) - x.flatten(1).amin(1)).reshape(-1, *[1] * (x.ndim - 1))
    copies = (x + spread * rng.normal(*x.shape[1:]) for _ in range(budget))
    return (gradient.double() for _, gradient in at_points(model, copies, target))


def mean_gradient(model: Differentiable, x: Tensor, target: Tensor, rng: Rng, budget: int, noise: float) -> Tensor:
    """Return the mean of `noisy_gradients`, in double precision."""
    total = torch.zeros_like(x, dtype=torch.float64)
    for gradient in noisy_gradients(model, x, target, rng, budget, noise):
        total += gradient
    return total / budget
