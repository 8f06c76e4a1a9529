"""Important direction gradient integration."""

from itertools import chain, pairwise

import torch
from torch import Tensor

from ...benchmark import Differentiable, method
from .._budget import demand
from .._points import at_points
from ._line import along


@method(paper="arXiv:2303.14242", passes=lambda budget: (budget, budget - 1))
def idgi(model: Differentiable, x: Tensor, target: Tensor, baseline: Tensor, *, budget: int = 128) -> Tensor:
    """Each step's change of score on the line from the baseline, handed out by the squared gradient at its start.

    `budget` points, a default of ours, make one step less; a step without any gradient hands out nothing.
    """
    demand(budget, 2, "idgi")
    places = [i / (budget - 1) for i in range(budget - 1)]
    starts = at_points(model, along(baseline, x, places), target)
    end = ((model.score(x, target), x) for _ in range(1))
    total = torch.zeros_like(x, dtype=torch.float64)
    for (before, gradient), (after, _) in pairwise(chain(starts, end)):
        total += (after - before).double().reshape(-1, *[1] * (x.ndim - 1)) * _shares(gradient)
    return total


def _shares(gradient: Tensor) -> Tensor:
    """Return each element's share of the squared gradient; zero where there is none."""
    square = gradient.double().square().flatten(1)
    return (square / square.sum(1, keepdim=True).clamp(min=torch.finfo(square.dtype).tiny)).reshape(gradient.shape)
