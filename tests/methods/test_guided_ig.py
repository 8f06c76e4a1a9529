"""Guided IG against the algorithm in plain loops, its limits, and completeness."""

from collections.abc import Callable
from dataclasses import replace
from math import floor, inf

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Gate, Network, Refused, methods
from heatproof.benchmark.checks._questions import Asked as Asks
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.harness import Asked, explain

Ask = Callable[..., Question]


def found(question: Question, **settings: object) -> Tensor:
    batch = question.batch
    maps: Tensor = methods["guided_ig"].function(question.gate, batch.x, batch.target, batch.baseline, **settings)
    return maps


def slow(question: Question, steps: int, fraction: float, distance: float) -> Tensor:
    """One sample, one element after the other, as the paper's algorithm says it."""
    rows = []
    for x, start, target in zip(question.batch.x, question.batch.baseline, question.batch.target, strict=True):
        goal, base = x.flatten().tolist(), start.flatten().tolist()
        at, total = list(base), [0.0] * len(base)
        whole = sum(abs(b - a) for a, b in zip(base, goal, strict=True))
        for step in range(1, steps + 1):
            point = torch.tensor(at, dtype=torch.float64).reshape(1, *x.shape)
            slope = question.gate.gradient(point, target[None]).flatten().tolist()
            before, due = list(at), step / steps
            behind, ahead = max(due - distance, 0.0), min(due + distance, 1.0)
            for i, (a, b) in enumerate(zip(base, goal, strict=True)):
                if a != b and (at[i] - a) / (b - a) < behind:
                    at[i] = a + behind * (b - a)
            open_ = {i for i in range(len(at)) if abs(at[i] - (base[i] + ahead * (goal[i] - base[i]))) > 1e-15}
            while (lack := sum(abs(b - a) for a, b in zip(at, goal, strict=True)) - (1 - due) * whole) > 1e-9 * whole:
                steep = [abs(slope[i]) if i in open_ else inf for i in range(len(at))]
                least = sorted(steep)[floor(fraction * (len(at) - 1))]
                chosen = [i for i in open_ if steep[i] <= least]
                ways = {i: base[i] + ahead * (goal[i] - base[i]) - at[i] for i in chosen}
                share = min(lack / sum(map(abs, ways.values())), 1.0)
                for i in chosen:
                    at[i] += share * ways[i]
                open_ -= set(chosen)
            for i in range(len(at)):
                total[i] += (at[i] - before[i]) * slope[i]
        rows.append(torch.tensor(total, dtype=torch.float64).reshape(x.shape))
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("budget", "fraction", "distance"),
    [
        (1, 0.25, 0.02),
        (10, 0.25, 0.02),
        (30, 0.25, 0.02),
        (12, 0.1, 0.3),
        (12, 0.25, 1.0),
        (7, 0.9, 0.05),
        (9, 0.0, 0.2),
    ],
)
def test_equals_the_algorithm_in_plain_loops(smooth: Ask, budget: int, fraction: float, distance: float) -> None:
    question = smooth()
    maps = found(question, budget=budget, fraction=fraction, distance=distance)
    torch.testing.assert_close(maps, slow(question, budget, fraction, distance), rtol=1e-8, atol=1e-11)


def test_equal_gradients_move_together(smooth: Ask) -> None:
    """Half of the elements have no gradient at all: a tie that is larger than the fraction."""
    weight = torch.zeros(48, dtype=torch.float64)
    weight[::2] = torch.linspace(-1, 1, 24, dtype=torch.float64)
    question = replace(smooth(), gate=Gate(Network(Asks(lambda x: (x.flatten(1) @ weight).square())), "logit"))
    question.batch.target.zero_()
    torch.testing.assert_close(found(question, budget=8), slow(question, 8, 0.25, 0.02), rtol=1e-8, atol=1e-11)


def test_without_any_distance_it_is_integrated_gradients_from_the_left(smooth: Ask) -> None:
    question = smooth()
    batch = question.batch
    straight = methods["integrated_gradients"].function(
        question.gate, batch.x, batch.target, batch.baseline, budget=20, quadrature="left"
    )
    torch.testing.assert_close(found(question, budget=20, distance=0.0), straight, rtol=1e-6, atol=1e-9)


def test_adds_up_to_the_change_of_score(smooth: Ask) -> None:
    question = smooth()
    batch = question.batch
    change = question.gate.score(batch.x, batch.target) - question.gate.score(batch.baseline, batch.target)
    gaps = [(found(question, budget=budget).flatten(1).sum(1) - change).abs().max() for budget in (200, 1600)]
    assert gaps[0] <= 0.01 * change.abs().max()
    assert gaps[1] <= gaps[0] / 4


def test_adds_up_at_any_budget_on_a_linear_model(additive: Ask) -> None:
    question = additive(pictures=False)
    weight = torch.arange(1, 7, dtype=torch.float64)
    linear = replace(question, gate=Gate(Network(Asks(lambda x: x @ weight)), "logit"))
    linear.batch.target.zero_()
    way = question.batch.x - question.batch.baseline
    torch.testing.assert_close(found(linear, budget=9), weight * way, rtol=1e-8, atol=1e-9)


def test_an_input_at_its_baseline_has_an_empty_map_and_leaves_its_mates_alone(smooth: Ask) -> None:
    question = smooth()
    expected = found(question, budget=6)
    question.batch.x[1] = question.batch.baseline[1]
    maps = found(question, budget=6)
    assert not maps[1].any()
    assert maps[[0, 2, 3]].equal(expected[[0, 2, 3]])


def test_a_gradient_that_is_not_a_number_ends_all_the_same(smooth: Ask) -> None:
    question = smooth()
    broken = replace(question, gate=Gate(Network(Asks(lambda x: (x.flatten(1).sum(1) - 1e9).sqrt())), "logit"))
    broken.batch.target.zero_()
    assert found(broken, budget=4).isnan().any()


def test_refuses_a_budget_of_none(smooth: Ask) -> None:
    with pytest.raises(Refused, match="guided_ig needs at least 1"):
        found(smooth(), budget=0)


def test_default_budget_is_the_authors(smooth: Ask) -> None:
    question = smooth()
    cost = explain(Asked(methods["guided_ig"], {}), question.gate, question.batch)[1]
    assert (cost.forward, cost.backward) == (4 * 200, 4 * 200)
