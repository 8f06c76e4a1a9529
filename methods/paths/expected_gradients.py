"""Expected gradients."""

import torch
from torch import Tensor

from ...benchmark import Differentiable, Rng, method
from .._budget import demand
from .._points import at_points


@method(paper="arXiv:1906.10670", passes=lambda budget: (budget, budget))
def expected_gradients(
    model: Differentiable, x: Tensor, target: Tensor, pool: Tensor, rng: Rng, *, budget: int = 200
) -> Tensor:
    """The gradient at a random place between a random sample of the pool and the input, times the way, on average.

    `budget` draws; the paper takes 200.
    """
    demand(budget, 1, "expected_gradients")
    starts, places = rng.integers(len(pool), budget), rng.uniform(budget)
    along = places.to(x.dtype).reshape(len(x), budget, *[1] * (x.ndim - 1))
    points = (torch.lerp(pool[starts[:, i]], x, along[:, i]) for i in range(budget))
    total = torch.zeros_like(x, dtype=torch.float64)
    for i, (_, gradient) in enumerate(at_points(model, points, target)):
        total += (x.double() - pool[starts[:, i]]) * gradient
    return total / budget
