"""Lazy subset selection against plain loops, one set at a time, and against greedy."""

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Game, Refused, methods
from heatproof.benchmark.checks._questions import Question, ask, seeded
from heatproof.benchmark.harness import Asked, explain
from heatproof.methods.subset._lazy import lazy_bill, lazy_order, widths
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
        def one(z: Tensor) -> float:
            others = [v for i, v in enumerate(z) if i != target]
            return float(z[target] - torch.stack(others).logsumexp(0))

        return weights[0] * one(logits(kept)) - weights[1] * one(logits(everything - kept))

    def worth(kept: set[int]) -> float:
        p, q = (float(logits(s).softmax(0)[target]) for s in (kept, everything - kept))
        return weights[0] * p + weights[1] * (1 - q)

    seen = {i: [odds({i}) - odds(set())] for i in everything}
    budget -= 2 + 2 * len(x)
    width = 3
    while (width + 1) * 2 * len(x) <= 3 * (budget // 2):
        width += 1
    order: list[int] = []
    while len(order) < len(x) - 1:
        by_effect = sorted(everything - set(order), key=lambda i: -sum(seen[i]) / len(seen[i]))
        few = by_effect[: min(width, budget // 2) if order else width]
        if not few:
            break
        if order:
            budget -= 2 * len(few)
            for i in few:
                seen[i].append(odds({*order, i}) - odds(set(order)))
        order.append(max(few, key=lambda i: worth({*order, i})))
    return order + sorted(everything - set(order), key=lambda i: -sum(seen[i]) / len(seen[i]))


@pytest.mark.parametrize("budget", [20, 22, 27, 36, 50, 71, 90, 500])
@pytest.mark.parametrize("weights", [(1.0, 1.0), (20.0, 5.0), (0.0, 1.0)])
def test_is_the_search_in_plain_loops(budget: int, weights: tuple[float, float]) -> None:
    asked = table()
    ours = found(asked, budget, weights)
    assert ours.tolist() == [slow(asked, i, budget, weights) for i in range(4)]


def test_with_enough_passes_the_order_is_greedys() -> None:
    asked = table()
    weights = Weights(1.0, 1.0, 0.0, 0.0)
    judge = Judge(Game(asked.gate, asked.batch), weights)
    greedy = search(judge, 9).order
    assert found(asked, 1000).equal(greedy)
    assert not found(asked, 30).equal(greedy)


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


def test_steps_are_three_wide_and_wider_with_more_passes() -> None:
    assert widths(64, 416)[:44] == [3] * 44
    assert sum(widths(64, 416)[1:]) == (416 - 130) // 2
    assert widths(64, 4160)[:20] == [47] + [min(47, count) for count in range(63, 44, -1)]
    assert widths(5, 10_000) == [5, 4, 3, 2]


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
