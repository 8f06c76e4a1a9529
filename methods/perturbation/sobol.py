"""Sobol attribution."""

import torch
from scipy.stats import qmc
from torch import Tensor

from ...benchmark import BlackBox, Rng, at_elements, method, unit_count
from .._budget import demand
from ._masks import Hidden


@method(paper="arXiv:2111.04138", signed=False, passes=lambda units, budget: (budget // (units + 2) * (units + 2), 0))
def sobol(
    model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor, rng: Rng, *, budget: int = 2112
) -> Tensor:
    """Each unit's total Sobol index: the share of the score's variance in which fading it has a part (Jansen).

    The budget is spent in whole designs of U + 2 passes; the default are the paper's 32 for 64 units. Where the score
    does not vary, all indices are 0.
    """
    count = unit_count(units)
    demand(budget, 2 * (count + 2), "sobol")
    hidden = Hidden(model, x, target, baseline)
    answers = [_asked(hidden, design, units) for design in _designs(rng, count, budget // (count + 2)).unbind(1)]
    first, second, swapped = torch.split(torch.stack(answers, 1), [1, 1, count], 2)
    spread = torch.cat([first, second], 1).var((1, 2), correction=0)
    moved = (first - swapped).square().mean(1) / 2
    return torch.where(spread[:, None] > 0, moved / spread[:, None], 0.0)


def _asked(hidden: Hidden, design: Tensor, units: Tensor) -> Tensor:
    """Return the scores (N, 2 + U) of two masks, and of the first with one unit after the other from the second."""
    first, second = design[:, :1], design[:, 1:]
    swapped = torch.where(torch.eye(design.shape[2], dtype=torch.bool), second, first)
    faded = 1 - torch.cat([first, second, swapped], 1)
    times = faded.shape[1]
    labels = units[:, None].expand(-1, times, -1).flatten(0, 1)
    return hidden.scores((1 - at_elements(faded.flatten(0, 1), labels)).reshape(len(units), times, -1)).double()


def _designs(rng: Rng, units: int, count: int) -> Tensor:
    """Return pairs of masks (N, count, 2, U): points of a scrambled Sobol sequence for every sample."""
    power = (count - 1).bit_length()
    seeds = rng.integers(2**31 - 1).tolist()
    points = [qmc.Sobol(2 * units, seed=seed).random_base2(power)[:count] for seed in seeds]
    return torch.stack([torch.from_numpy(p) for p in points]).reshape(len(rng), count, 2, units)
