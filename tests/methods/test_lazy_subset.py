"""Lazy subset selection against plain loops, one set at a time."""

from dataclasses import dataclass
from statistics import mean

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Game, Refused, methods
from heatproof.benchmark.checks._questions import Question, ask, seeded
from heatproof.benchmark.harness import Asked, explain
from heatproof.methods.subset._lazy import lazy_order
from heatproof.methods.subset._rounds import lazy_bill, rounds, steps
from heatproof.methods.subset._scores import Judge, Weights

PLENTY = 10**6


class Mixed(nn.Module):
    """Columns that interact."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(columns, 16), nn.Tanh(), nn.Linear(16, 3)).double()
        with torch.no_grad():
            self.body[2].weight *= 3

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.body(x)
        return logits


def table(columns: int = 9, readout: str = "probability") -> Question:
    x = 2 * torch.randn(4, columns, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    return ask(seeded(lambda: Mixed(columns)), x, target=torch.tensor([0, 1, 2, 0]), readout=readout)


def found(asked: Question, budget: int, weights: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    return lazy_order(Judge(Game(asked.gate, asked.batch), Weights(*weights, 0.0, 0.0)), budget)


@dataclass
class Slow:
    """The searches for one sample, one set at a time, counting what may still be spent."""

    asked: Question
    sample: int
    weights: tuple[float, float]

    def __post_init__(self) -> None:
        self.x, self.target = self.asked.batch.x[self.sample], int(self.asked.batch.target[self.sample])
        self.everything = set(range(len(self.x)))
        whole, nothing = self.odds(self.everything), self.odds(set())
        self.adds = {i: [self.odds({i}) - nothing] for i in self.everything}
        self.takes = {i: [whole - self.odds(self.everything - {i})] for i in self.everything}

    def logits(self, kept: set[int]) -> Tensor:
        row = torch.tensor([float(v) if i in kept else 0.0 for i, v in enumerate(self.x)], dtype=torch.float64)
        with torch.no_grad():
            return self.asked.gate.module(row[None])[0]  # type: ignore[no-any-return]

    def odds(self, kept: set[int]) -> float:
        z = self.logits(kept)
        return float(z[self.target] - torch.stack([v for i, v in enumerate(z) if i != self.target]).logsumexp(0))

    def p(self, kept: set[int]) -> float:
        return float(self.logits(kept).softmax(0)[self.target])

    def by_effect(self, units: set[int]) -> list[int]:
        def effect(i: int) -> float:
            # A rest that was asked alone counts as if all before had said the same.
            return self.weights[0] * mean(self.adds[i]) + self.weights[1] * mean(self.takes[i])

        return sorted(units, key=effect, reverse=True)

    def search(self, width: int, budget: int) -> tuple[float, int, list[int]]:
        """The worth of the steps, what is left of the budget, and the order."""
        order: list[int] = []
        total, turn = 0.0, max(1, len(self.x) // 3)
        while len(order) < min(len(self.x) - 1, turn + max(1, turn // 3)):
            grown, rest = set(order), self.everything - set(order)
            both = len(order) < turn
            few = self.by_effect(rest)[: None if len(order) == turn else width]
            if order:
                few = few[: budget // 2 if both else budget]
                budget -= len(few) * (1 + both)
            if not few:
                break
            worth = {
                i: both * self.weights[0] * self.p(grown | {i}) - self.weights[1] * self.p(rest - {i}) for i in few
            }
            for i in few if order else []:
                take = self.odds(rest) - self.odds(rest - {i})
                if both:
                    self.adds[i].append(self.odds(grown | {i}) - self.odds(grown))
                    self.takes[i].append(take)
                else:
                    self.takes[i] = [take] * len(self.takes[i])
            order.append(max(few, key=lambda i: worth[i]))
            total += worth[order[-1]]
        return total, budget, order + self.by_effect(self.everything - set(order))


def slow(asked: Question, sample: int, budget: int, weights: tuple[float, float]) -> list[int]:
    """The best of all the searches that the budget buys, or one that is cut short."""
    searcher, units = Slow(asked, sample, weights), len(asked.batch.x[0])
    room, found = budget - 2 - 2 * units, list[tuple[float, list[int]]]()
    for width in (2, *range(2, units + 1)):
        _, left, _ = Slow(asked, sample, weights).search(width, PLENTY)
        if PLENTY - left > room and found:
            break
        worth, room, order = searcher.search(width, room)
        found.append((worth, order))
    return max(found, key=lambda each: each[0])[1]


@pytest.mark.parametrize("budget", [20, 22, 27, 29, 40, 71, 160])
@pytest.mark.parametrize("weights", [(1.0, 1.0), (20.0, 5.0), (0.0, 1.0)])
def test_is_the_search_in_plain_loops(budget: int, weights: tuple[float, float]) -> None:
    asked = table()
    ours = found(asked, budget, weights)
    assert ours.tolist() == [slow(asked, i, budget, weights) for i in range(4)]


def test_the_best_measured_round_is_kept_so_that_more_passes_never_measure_worse() -> None:
    asked = table()
    game = Game(asked.gate, asked.batch)

    def measured(budget: int) -> Tensor:
        """The worth of the steps of a round: three on both sides, and one in the rest."""
        place = found(asked, budget).argsort(1)
        kept = torch.stack([place < size for size in (1, 2, 3, 4)], 1)
        return game.scores(kept[:, :3]).sum(1) - game.scores(~kept).sum(1)

    worths = torch.stack([measured(budget) for budget in (34, 48, 66, 88, 200)])
    assert (worths.diff(dim=0) >= -1e-12).all()
    assert worths[-1].sum() > worths[0].sum() + 1e-3


@pytest.mark.parametrize("budget", [20, 40, 300])
def test_additive_scores_are_sorted(budget: int) -> None:
    x = torch.randn(3, 9, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    assert found(ask(lambda x: x.sum(1), x), budget).equal(x.argsort(dim=1, descending=True))


@pytest.mark.parametrize("columns", [1, 2, 3, 9])
@pytest.mark.parametrize("budget", [20, 21, 33, 60, 2000])
def test_spends_what_it_bills_and_no_more_than_its_budget(columns: int, budget: int) -> None:
    asked = table(columns)
    found(asked, budget)
    assert asked.gate.meter.forward == 4 * lazy_bill(columns, budget)
    assert lazy_bill(columns, budget) <= budget


def test_a_third_of_the_units_is_asked_for_on_both_sides_then_the_rest_alone() -> None:
    first = [(2, True)] * 21 + [(43, False)] + [(2, False)] * 6
    assert rounds(64, 416) == [first, first]
    assert [plan[0][0] for plan in rounds(64, 1600)] == [2, 2, 3, 4, 5, 6]
    assert rounds(64, 200) == [[(2, True)] * 18 + [(1, True)]]
    assert rounds(64, 130) == [[(2, True)]]
    assert [lazy_bill(64, budget) for budget in (130, 150, 200, 265, 399, 400, 416)] == [
        130,
        150,
        200,
        265,
        265,
        400,
        400,
    ]
    assert list(steps(6, 9, 10_000)) == [(6, True), (5, True), (4, False)]
    assert list(steps(9, 2, 0)) == [(2, True)]


def test_values_fall_evenly_with_the_place() -> None:
    asked = table()
    maps, cost = explain(Asked(methods["lazy_subset"], {"budget": 50}), asked.gate, asked.batch)
    order = found(asked, 50)
    assert maps.gather(1, order).tolist() == [pytest.approx([1 - t / 8 for t in range(9)], abs=1e-6)] * 4
    assert cost.forward == 4 * lazy_bill(9, 50)


def test_a_budget_below_two_passes_per_unit_and_the_ends_is_refused() -> None:
    asked = table()
    with pytest.raises(Refused, match="a budget of 19 passes is too small: lazy_subset needs at least 20"):
        explain(Asked(methods["lazy_subset"], {"budget": 19}), asked.gate, asked.batch)
