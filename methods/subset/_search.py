"""The search for an order of the units, from both ends or from one."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ._scores import Judge, Values


def plan(units: int, pending: int, k: int = 0) -> Iterator[tuple[int, int]]:
    """Yield what each step tries: so many units for the front and so many, or 0, for the back.

    The last unit is never tried. With `k` the search ends once so many units have their place.
    """
    left, rest = units, max(1, units - k if k else 1)
    while left > rest:
        both = left > pending and left > rest + 1
        yield left, pending if both else 0
        left -= 1 + both


def bill(units: int, pending: int, k: int = 0) -> int:
    """Return the passes per sample: two for each set that is tried, and the two ends.

    The first step asks about the single units; the first unit at the back is one of them, at no further pass.
    """
    steps = list(plan(units, pending, k))
    return 2 + 2 * sum(front for front, _ in steps) + 2 * sum(back for _, back in steps[1:])


@dataclass(frozen=True, slots=True)
class Ordered:
    """Units from the most important to the least, and how the scores went."""

    order: Tensor
    """The units (N, U)."""
    level: Tensor
    """The step (U,) at which each of them comes; those that were not told apart share one."""
    consistency: Tensor
    """The target's readout (N, L + 1) of what has come so far, from nothing to the whole input."""
    collaboration: Tensor
    """One less the readout (N, L + 1) of what is still to come."""


class Chosen:
    """Units in the order in which they were chosen, and the values of the set each time."""

    def __init__(self, judge: Judge) -> None:
        shape = len(judge.game.batch), judge.game.players
        self._judge = judge
        self._kept = torch.zeros(shape, dtype=torch.bool)
        self._near = torch.full(shape, torch.inf, dtype=torch.float64)
        """The distance of each unit to the nearest other one of the set."""
        self.order: list[Tensor] = []
        self.values: list[Values] = []

    def values_with(self, units: Tensor) -> Values:
        """Return the values of the set with each of the units (N, M)."""
        if not self.order:
            return self._judge.alone.at(units)
        return self._judge.ask(self._kept[:, None] | one_hot(units, self._kept.shape[1]).bool())

    def effectiveness_with(self, units: Tensor) -> Tensor:
        """Return how far apart the units of the set with each of the units (N, M) are: the sum of nearest distances."""
        if not self.order or not self._judge.weights.effectiveness:
            return torch.zeros(units.shape, dtype=torch.float64)
        distances, kept = self._distances(units), self._kept[:, None]
        others = torch.minimum(distances, self._near[:, None]).where(kept, 0.0).sum(2)
        return others + distances.where(kept, torch.inf).amin(2)

    def add(self, unit: Tensor, values: Values) -> None:
        """Add a unit (N, 1), and what the set is then worth."""
        if self._judge.weights.effectiveness:
            distances, kept = self._distances(unit)[:, 0], self._kept
            own = distances.where(kept, torch.inf).amin(1, keepdim=True)
            self._near = torch.minimum(self._near, distances).where(kept, torch.inf).scatter(1, unit, own)
        self._kept = self._kept.scatter(1, unit, True)
        self.order.append(unit)
        self.values.append(values)

    def _distances(self, units: Tensor) -> Tensor:
        every = units[:, :, None].expand(-1, -1, self._kept.shape[1])
        return self._judge.distances.gather(1, every)


def search(judge: Judge, pending: int, k: int = 0) -> Ordered:
    """Give each unit in turn the best place left at the front and, while more than `pending` are left, at the back.

    The back's unit is the worst of the `pending` that look worst from the front (LiMA). With as many `pending` as
    units, only the front grows: plain greedy. The first `k` places are given; 0: all.
    """
    front, back, left = Chosen(judge), Chosen(judge), judge.ties
    for _, spare in plan(judge.game.players, pending, k):
        values = front.values_with(left)
        best = best_first(judge.worth(values, front.effectiveness_with(left)), values.odds)[:, :1]
        front.add(left.gather(1, best), values.at(best))
        gone = [best]
        if spare:
            worth = judge.worth(values, back.effectiveness_with(left)).scatter(1, best, torch.inf)
            doubtful = best_first(worth, values.odds)[:, -spare:]
            gone.append(doubtful.gather(1, _worst(judge, back, left.gather(1, doubtful))))
        left = _without(left, torch.cat(gone, 1))
    return _joined(judge, front, left, back)


def best_first(worth: Tensor, odds: Tensor) -> Tensor:
    """Return the places (N, M) of the sets from the best to the worst; odds tell ties apart, then the places do."""
    order = odds.argsort(dim=1, descending=True, stable=True)
    return order.gather(1, worth.gather(1, order).argsort(dim=1, descending=True, stable=True))


def _worst(judge: Judge, back: Chosen, units: Tensor) -> Tensor:
    """Add the worst of the units (N, M) to the back, and return its place among them, (N, 1)."""
    values = back.values_with(units)
    worst = best_first(judge.worth(values, back.effectiveness_with(units)), values.odds)[:, -1:]
    back.add(units.gather(1, worst), values.at(worst))
    return worst


def _without(units: Tensor, places: Tensor) -> Tensor:
    stays = torch.ones_like(units, dtype=torch.bool).scatter(1, places, False)
    return units[stays].reshape(len(units), -1)


def _joined(judge: Judge, front: Chosen, left: Tensor, back: Chosen) -> Ordered:
    """Join the front, those in between, and the back; seen from the back, sets and the rest change places."""
    game, behind = judge.game, back.values[::-1]
    consistency = [v.consistency for v in front.values] + [1 - v.collaboration for v in behind]
    collaboration = [v.collaboration for v in front.values] + [1 - v.consistency for v in behind]
    full, empty = game.full[:, None], game.empty[:, None]
    sizes = [1] * len(front.order) + [left.shape[1]] + [1] * len(back.order)
    return Ordered(
        torch.cat([*front.order, left, *back.order[::-1]], 1),
        torch.arange(1, len(sizes) + 1).repeat_interleave(torch.tensor(sizes)),
        torch.cat([empty, *consistency, full], 1),
        torch.cat([1 - full, *collaboration, 1 - empty], 1),
    )
