"""Lazy subset selection against plain loops, one set at a time, and against greedy."""

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Game, Refused, methods
from heatproof.benchmark.checks._questions import Question, ask, seeded
from heatproof.benchmark.harness import Asked, explain
from heatproof.methods.subset._lazy import lazy_bill, lazy_order, steps
from heatproof.methods.subset._scores import Judge, Weights
from heatproof.methods.subset._search import search


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


def slow(asked: Question, sample: int, budget: int, weights: tuple[float, float]) -> list[int]:
    """The search for one sample, counting what it may still spend."""
    x, target = asked.batch.x[sample], int(asked.batch.target[sample])
    everything = set(range(len(x)))

    def logits(kept: set[int]) -> Tensor:
        row = torch.tensor([float(v) if i in kept else 0.0 for i, v in enumerate(x)], dtype=torch.float64)
        with torch.no_grad():
            return asked.gate.module(row[None])[0]  # type: ignore[no-any-return]

    def odds(kept: set[int]) -> float:
        z = logits(kept)
        return float(z[target] - torch.stack([v for i, v in enumerate(z) if i != target]).logsumexp(0))

    def p(kept: set[int]) -> float:
        return float(logits(kept).softmax(0)[target])

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    adds = {i: [odds({i}) - odds(set())] for i in everything}
    takes = {i: [odds(everything) - odds(everything - {i})] for i in everything}
    budget -= 2 + 2 * len(x)
    turn = max(1, len(x) // 3)
    width, later = max(3, budget // (4 * turn)), 4
    order: list[int] = []

    def by_effect() -> list[int]:
        def effect(i: int) -> float:
            return weights[0] * mean(adds[i]) + weights[1] * mean(takes[i])

        return sorted(everything - set(order), key=effect, reverse=True)

    while len(order) < len(x) - 1:
        grown, rest, few = set(order), everything - set(order), by_effect()
        if len(order) < turn:
            few = few[: min(width, budget // 2) if order else width]
            for i in few if order else []:
                budget -= 2
                adds[i].append(odds(grown | {i}) - odds(grown))
                takes[i].append(odds(rest) - odds(rest - {i}))
        else:
            few = few[: budget if len(order) == turn else min(later, budget)]
            budget -= len(few)
            for i in few:
                takes[i] = [odds(rest) - odds(rest - {i})]
            if len(order) == turn:
                later = max(4, budget // len(rest))
        if not few:
            break
        if len(order) < turn:
            order.append(max(few, key=lambda i: weights[0] * p(grown | {i}) - weights[1] * p(rest - {i})))
        else:
            order.append(min(few, key=lambda i: p(rest - {i})))
    return order + by_effect()


@pytest.mark.parametrize("budget", [20, 22, 27, 36, 50, 71, 90, 500])
@pytest.mark.parametrize("weights", [(1.0, 1.0), (20.0, 5.0), (0.0, 1.0)])
def test_is_the_search_in_plain_loops(budget: int, weights: tuple[float, float]) -> None:
    asked = table()
    ours = found(asked, budget, weights)
    assert ours.tolist() == [slow(asked, i, budget, weights) for i in range(4)]


def test_with_enough_passes_it_starts_as_greedy_and_goes_on_in_the_rest() -> None:
    asked = table()
    game = Game(asked.gate, asked.batch)
    ours = found(asked, 1000)
    assert ours[:, :3].equal(search(Judge(game, Weights(1.0, 1.0, 0.0, 0.0)), 9).order[:, :3])
    for i in range(4):
        rest = set(ours[i, 3:].tolist())
        for unit in ours[i, 3:].tolist():
            kept = torch.tensor([[other in rest - {each} for other in range(9)] for each in sorted(rest)])
            left = game.scores(kept.expand(4, -1, -1))[i]
            assert sorted(rest)[int(left.argmin())] == unit
            rest.remove(unit)


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
    plan = list(steps(64, 416))
    assert plan[:22] == [(3, True)] * 21 + [(43, False)]
    assert plan[22:] == [(4, False)] * 30 + [(3, False)]
    assert sum(tries * (1 + both) for tries, both in plan[1:]) == 416 - 130
    assert list(steps(64, 832))[20:23] == [(8, True), (43, False), (7, False)]
    assert list(steps(6, 10_000)) == [(6, True), (5, True), (4, False), (3, False), (2, False)]
    assert list(steps(9, 20)) == [(3, True)]


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
