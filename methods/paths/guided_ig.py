"""Guided integrated gradients."""

import torch
from torch import Tensor

from ...benchmark import Differentiable, method
from .._budget import demand
from ._corridor import Corridor


@method(paper="arXiv:2106.09788", passes=lambda budget: (budget, budget))
def guided_ig(
    model: Differentiable,
    x: Tensor,
    target: Tensor,
    baseline: Tensor,
    *,
    budget: int = 200,
    fraction: float = 0.25,
    distance: float = 0.02,
) -> Tensor:
    """The gradient integrated on a path from the baseline that moves the elements with the least gradient first.

    The defaults are the authors': in each of `budget` steps, quarters of the elements (`fraction`) go as far as
    `distance` ahead of the straight line, or lag as far behind.
    """
    demand(budget, 1, "guided_ig")
    corridor = Corridor(baseline.flatten(1).double(), x.flatten(1).double(), fraction, distance)
    at, total = corridor.start, torch.zeros_like(corridor.start)
    for step in range(budget):
        gradient = model.gradient(at.reshape(x.shape).to(x.dtype), target).flatten(1).double()
        after = corridor.onward(at, gradient.abs(), (step + 1) / budget)
        total += (after - at) * gradient
        at = after
    return total.reshape(x.shape)
