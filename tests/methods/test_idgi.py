"""IDGI against its formula in plain loops, and its completeness."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Gate, Network, Refused, methods
from heatproof.benchmark.checks._questions import Asked as Asks
from heatproof.benchmark.checks._questions import Question, pictures
from heatproof.benchmark.harness import Asked, explain

Ask = Callable[..., Question]


def found(question: Question, **settings: object) -> Tensor:
    batch = question.batch
    maps: Tensor = methods["idgi"].function(question.gate, batch.x, batch.target, batch.baseline, **settings)
    return maps


def slow(question: Question, points: int) -> Tensor:
    """One sample, one step after the other, on the bare network."""
    rows = []
    for x, start, target in zip(question.batch.x, question.batch.baseline, question.batch.target, strict=True):
        total = torch.zeros_like(x)
        scores, slopes = [], []
        for i in range(points):
            leaf = (start + i / (points - 1) * (x - start))[None].requires_grad_()
            score = question.gate.module(leaf).softmax(1)[0, target]
            scores.append(score.item())
            slopes.append(torch.autograd.grad(score, leaf)[0][0])
        for i in range(points - 1):
            square = slopes[i] ** 2
            total += square * (scores[i + 1] - scores[i]) / square.sum()
        rows.append(total)
    return torch.stack(rows)


@pytest.mark.parametrize("budget", [2, 3, 12])
def test_equals_the_formula(smooth: Ask, budget: int) -> None:
    question = smooth()
    torch.testing.assert_close(found(question, budget=budget), slow(question, budget), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("budget", [2, 7, 128])
def test_adds_up_to_the_change_of_score_for_any_budget(budget: int) -> None:
    question = pictures()
    batch = question.batch
    change = question.gate.score(batch.x, batch.target) - question.gate.score(batch.baseline, batch.target)
    torch.testing.assert_close(found(question, budget=budget).flatten(1).sum(1), change, rtol=1e-10, atol=1e-13)


def test_one_call_or_many_give_the_same(smooth: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    question = smooth()
    together = found(question, budget=10)
    monkeypatch.setattr("heatproof.methods._points.NUMBERS", 4 * question.batch.x.numel())
    torch.testing.assert_close(found(question, budget=10), together, rtol=1e-9, atol=1e-13)


def test_a_step_without_gradient_hands_out_nothing(smooth: Ask) -> None:
    """The score is flat up to a threshold: of two steps only the second has a gradient at its start."""
    question = smooth()
    batch = question.batch
    batch.baseline.zero_()
    batch.x.fill_(1.0)
    network = Network(Asks(lambda x: (x.flatten(1).mean(1) - 0.4).relu()))
    maps = found(
        Question(
            Gate(network, "logit"), type(batch)(batch.ids, batch.x, 0 * batch.target, batch.units, batch.baseline)
        ),
        budget=3,
    )
    torch.testing.assert_close(maps, torch.full_like(batch.x, 0.5 / 48))


def test_refuses_a_single_point(smooth: Ask) -> None:
    with pytest.raises(Refused, match="idgi needs at least 2"):
        found(smooth(), budget=1)


@pytest.mark.parametrize("budget", [2, 128])
def test_bills_all_points_forward_and_all_but_the_last_back(smooth: Ask, budget: int) -> None:
    question = smooth()
    cost = explain(Asked(methods["idgi"], {"budget": budget}), question.gate, question.batch)[1]
    assert (cost.forward, cost.backward) == (4 * budget, 4 * (budget - 1))
