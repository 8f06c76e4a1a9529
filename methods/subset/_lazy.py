"""Greedy search that tries only a few units in each step."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ._scores import Judge
from ._search import best_first

FEW, REST = 3, 4
"""The least units that a step tries while both sides are asked, and afterwards."""
SHARE = 3
"""Both sides are asked for this part of the units, a third; what then matters is what is left in the rest."""


def steps(units: int, budget: int) -> Iterator[tuple[int, bool]]:
    """Yield how many units each step tries, and whether on both sides, at two passes each, or in the rest, at one.

    The first step knows all its units. The first that asks the rest alone asks about all units, if passes allow.
    """
    room, turn = budget - 2 - 2 * units, max(1, units // SHARE)
    width, later = max(FEW, room // (4 * turn)), REST
    yield min(width, units), True
    for left in range(units - 1, 1, -1):
        both = units - left < turn
        if units - left == turn:
            tries = min(left, room)
            later = max(REST, (room - tries) // left)
        else:
            tries = min(width if both else later, left, room // 2 if both else room)
        if not tries:
            return
        room -= 2 * tries if both else tries
        yield tries, both


def lazy_bill(units: int, budget: int) -> int:
    """Return the passes per sample: the two ends, every unit alone and left out, and what the steps try."""
    return 2 + 2 * units + sum(2 * tries if both else tries for tries, both in list(steps(units, budget))[1:])


class Growing:
    """A set that grows, and what each unit adds to the log odds of the set, and takes from those of the rest."""

    def __init__(self, judge: Judge) -> None:
        game, self._judge = judge.game, judge
        nobody = torch.zeros(len(game.batch), 1, game.players, dtype=torch.bool)
        self.kept, self.left, self.order = nobody[:, 0], judge.ties, list[Tensor]()
        (_, empty), (_, full) = (self._read(kept) for kept in (nobody, ~nobody))
        every = torch.arange(game.players).expand(len(nobody), -1)
        self._alone, self._without = self._asked(every, False), self._asked(every, True)
        self._odds, self._rest = empty, full
        self._adds, self._takes = self._alone[1] - empty, full - self._without[1]
        self._times = torch.ones_like(self._adds)

    def by_effect(self) -> Tensor:
        """Return the units left (N, M) from the largest effect on both sides to the smallest."""
        weights = self._judge.weights
        effect = weights.consistency * self._adds + weights.collaboration * self._takes
        return self.left.gather(1, effect.gather(1, self.left).argsort(dim=1, descending=True, stable=True))

    def step(self, tries: int) -> None:
        """Add the unit of most worth among those tried on both sides; effects are means over all sets so far."""
        weights, units = self._judge.weights, self.by_effect()[:, :tries]
        alone = [part.gather(1, units) for part in self._alone] if not self.order else self._asked(units, False)
        without = [part.gather(1, units) for part in self._without] if not self.order else self._asked(units, True)
        (score, odds), (rest, left) = alone, without
        self._learn(units, odds - self._odds, self._rest - left)
        worth = weights.consistency * score - weights.collaboration * rest
        best = best_first(worth, weights.consistency * odds - weights.collaboration * left)[:, :1]
        self._odds = odds.gather(1, best)
        self._add(units.gather(1, best), left.gather(1, best))

    def step_in_rest(self, tries: int) -> None:
        """Add the unit without which the rest has least, among the few of largest effect; the latest effect counts."""
        units = self.by_effect()[:, :tries]
        score, odds = self._asked(units, True)
        self._takes = self._takes.scatter(1, units, self._rest - odds)
        best = best_first(-score, -odds)[:, :1]
        self._add(units.gather(1, best), odds.gather(1, best))

    def _learn(self, units: Tensor, adds: Tensor, takes: Tensor) -> None:
        # The first step meets what is known already.
        times = self._times.gather(1, units) + bool(self.order)
        self._times = self._times.scatter(1, units, times)
        for known, seen in ((self._adds, adds), (self._takes, takes)):
            before = known.gather(1, units)
            known.scatter_(1, units, before + (seen - before) / times)

    def _add(self, unit: Tensor, rest: Tensor) -> None:
        self.kept, self._rest = self.kept.scatter(1, unit, True), rest
        self.left = self.left[self.left != unit].reshape(len(unit), -1)
        self.order.append(unit)

    def _asked(self, units: Tensor, rest: bool) -> tuple[Tensor, Tensor]:
        """Return the readout and the log odds (N, M) of the set with each of the units, or of the rest without it."""
        kept = self.kept[:, None] | one_hot(units, self.kept.shape[1]).bool()
        return self._read(~kept if rest else kept)

    def _read(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        game = self._judge.game
        logits = game.logits(kept)
        return game.read(logits), game.read(logits, "log_odds")


def lazy_order(judge: Judge, budget: int) -> Tensor:
    """Return the units (N, U) in the order in which the set grew; those never tried come by their effects."""
    growing = Growing(judge)
    for tries, both in steps(judge.game.players, budget):
        (growing.step if both else growing.step_in_rest)(tries)
    return torch.cat([*growing.order, growing.by_effect()], 1)
