"""Greedy search that tries only a few units in each step, and starts again with what it has learnt."""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ._rounds import rounds
from ._scores import Judge
from ._search import best_first


class Effects:
    """Effects of units as far as sets have told: what each adds to a set's log odds, and takes from the rest's."""

    def __init__(self, judge: Judge) -> None:
        self.judge, nobody = judge, torch.zeros(len(judge.game.batch), 1, judge.game.players, dtype=torch.bool)
        self.nobody = nobody[:, 0]
        (_, self.empty), (_, self.full) = (self.read(kept) for kept in (nobody, ~nobody))
        every = one_hot(torch.arange(judge.game.players)).bool().expand(len(nobody), -1, -1)
        self.alone, self.without = self.read(every), self.read(~every)
        self._adds, self._takes = self.alone[1] - self.empty, self.full - self.without[1]
        self._times = torch.ones_like(self._adds)

    def read(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Return the readout and the log odds (N, M) of sets."""
        game = self.judge.game
        logits = game.logits(kept)
        return game.read(logits), game.read(logits, "log_odds")

    def largest_first(self, units: Tensor) -> Tensor:
        """Return the units (N, M) from the largest effect on both sides to the smallest."""
        weights = self.judge.weights
        effect = weights.consistency * self._adds + weights.collaboration * self._takes
        return units.gather(1, effect.gather(1, units).argsort(dim=1, descending=True, stable=True))

    def learn(self, units: Tensor, adds: Tensor, takes: Tensor) -> None:
        """Take what sets tell on both sides into the means."""
        times = self._times.gather(1, units) + 1
        self._times = self._times.scatter(1, units, times)
        for known, seen in ((self._adds, adds), (self._takes, takes)):
            before = known.gather(1, units)
            known.scatter_(1, units, before + (seen - before) / times)

    def renew(self, units: Tensor, takes: Tensor) -> None:
        """Put what the latest rest tells in the place of all before."""
        self._takes = self._takes.scatter(1, units, takes)


class Growing:
    """A set that grows from nothing."""

    def __init__(self, effects: Effects) -> None:
        self._effects, self._kept, self._left = effects, effects.nobody, effects.judge.ties
        self._odds, self._rest, self._order = effects.empty, effects.full, list[Tensor]()
        self.worth = torch.zeros(len(self._kept), dtype=torch.float64)
        """The sum over the steps of what was measured on the way."""

    def order(self) -> Tensor:
        """Return the units (N, U) in the order in which they came; those that did not come by their effects."""
        return torch.cat([*self._order, self._effects.largest_first(self._left)], 1)

    def step(self, tries: int, both: bool) -> None:
        """Add the unit of most worth among those of largest effects, or that without which the rest has least."""
        effects, weights = self._effects, self._effects.judge.weights
        units = effects.largest_first(self._left)[:, :tries]
        rest, left = self._asked(units, True)
        worth, odds = -weights.collaboration * rest, -weights.collaboration * left
        if both:
            score, grown = self._asked(units, False)
            if self._order:
                effects.learn(units, grown - self._odds, self._rest - left)
            worth, odds = worth + weights.consistency * score, odds + weights.consistency * grown
        else:
            effects.renew(units, self._rest - left)
        best = best_first(worth, odds)[:, :1]
        self.worth += worth.gather(1, best)[:, 0]
        self._rest = left.gather(1, best)
        if both:
            self._odds = grown.gather(1, best)
        self._add(units.gather(1, best))

    def _add(self, unit: Tensor) -> None:
        self._kept = self._kept.scatter(1, unit, True)
        self._left = self._left[self._left != unit].reshape(len(unit), -1)
        self._order.append(unit)

    def _asked(self, units: Tensor, rest: bool) -> tuple[Tensor, Tensor]:
        """Return the readout and the log odds (N, M) of the set with each of the units, or of the rest without it."""
        if not self._order:
            readout, odds = self._effects.without if rest else self._effects.alone
            return readout.gather(1, units), odds.gather(1, units)
        kept = self._kept[:, None] | one_hot(units, self._kept.shape[1]).bool()
        return self._effects.read(~kept if rest else kept)


def lazy_order(judge: Judge, budget: int) -> Tensor:
    """Return the units (N, U) in the order of the round whose steps were worth most."""
    effects, orders, worths = Effects(judge), list[Tensor](), list[Tensor]()
    for plan in rounds(judge.game.players, budget):
        growing = Growing(effects)
        for tries, both in plan:
            growing.step(tries, both)
        orders.append(growing.order())
        worths.append(growing.worth)
    best = torch.stack(worths).argmax(0)
    return torch.stack(orders)[best, torch.arange(len(best))]
