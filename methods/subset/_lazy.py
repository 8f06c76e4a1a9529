"""Greedy search that tries only a few units in each step."""

import torch
from torch import Tensor

from ._scores import Judge
from ._search import Chosen, best_first

FEW = 3
"""The least units that a step tries: creatures in the order of two are a little worse, at equal passes."""


def widths(units: int, budget: int) -> list[int]:
    """Return how many units each step tries, in all but the first at two passes each; the rest of the steps try none.

    More passes than the fewest for two thirds of the units make the steps wider, in the end as wide as greedy's.
    """
    left = (budget - 2) // 2 - units
    width = max(FEW, 3 * left // (2 * units))
    found = [min(width, units)]
    for count in range(units - 1, 1, -1):
        found.append(min(width, count, left))
        left -= found[-1]
    return found


def lazy_bill(units: int, budget: int) -> int:
    """Return the passes per sample: the two ends, every unit alone and left out, and two for each that is tried."""
    return 2 + 2 * units + 2 * sum(widths(units, budget)[1:])


def lazy_order(judge: Judge, budget: int) -> Tensor:
    """Return the units (N, U) in the order in which the set grew, each the best of the few with the largest effects.

    The effect of a unit is what it adds to the odds, on average over the sets that it was tried with.
    """
    units = judge.game.players
    nothing = torch.zeros(len(judge.game.batch), 1, units, dtype=torch.bool)
    now, left, front = judge.ask(nothing).odds, judge.ties, Chosen(judge)
    effect, times = judge.alone.odds - now, torch.ones(left.shape, dtype=torch.float64)
    for width in filter(None, widths(units, budget)):
        tried = _by(effect, left)[:, :width]
        values = front.values_with(tried)
        # The first step meets what is known already.
        count, known = times.gather(1, tried) + bool(front.order), effect.gather(1, tried)
        effect = effect.scatter(1, tried, known + (values.odds - now - known) / count)
        times = times.scatter(1, tried, count)
        best = best_first(judge.worth(values, torch.zeros_like(values.odds)), values.odds)[:, :1]
        front.add(tried.gather(1, best), values.at(best))
        now, left = values.at(best).odds, left[left != front.order[-1]].reshape(len(left), -1)
    return torch.cat([*front.order, _by(effect, left)], 1)


def _by(effect: Tensor, units: Tensor) -> Tensor:
    """Return units (N, M) from the largest effect (N, U) to the smallest."""
    return units.gather(1, effect.gather(1, units).argsort(dim=1, descending=True, stable=True))
