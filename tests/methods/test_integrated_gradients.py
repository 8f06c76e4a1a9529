"""Integrated gradients against a plain Riemann sum, Gauss-Legendre by hand, and completeness."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Gate, Network, methods
from heatproof.benchmark.checks._questions import Question, pictures, seeded
from heatproof.benchmark.harness import Asked, explain

Ask = Callable[..., Question]


def found(question: Question, budget: int) -> Tensor:
    batch = question.batch
    function = methods["integrated_gradients"].function
    attribution: Tensor = function(question.gate, batch.x, batch.target, batch.baseline, budget=budget)
    return attribution


def path(question: Question, points: list[float], weights: list[float]) -> Tensor:
    """Sum weighted gradients at points of the way, one after the other."""
    batch, total = question.batch, torch.zeros_like(question.batch.x)
    for at, weight in zip(points, weights, strict=True):
        total += weight * question.gate.gradient(batch.baseline + at * (batch.x - batch.baseline), batch.target)
    return total * (batch.x - batch.baseline)


@pytest.mark.parametrize("readout", ["probability", "log_odds"])
def test_equals_a_fine_riemann_sum(smooth: Ask, readout: str) -> None:
    question, count = smooth(readout), 2000
    middles = [(i + 0.5) / count for i in range(count)]
    torch.testing.assert_close(found(question, 32), path(question, middles, [1 / count] * count), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("budget", [1, 2, 5, 32])
def test_equals_gauss_legendre_points_by_hand(smooth: Ask, budget: int) -> None:
    question = smooth()
    nodes, weights = np.polynomial.legendre.leggauss(budget)
    expected = path(question, list((1 + nodes) / 2), list(weights / 2))
    torch.testing.assert_close(found(question, budget), expected, rtol=1e-6, atol=1e-9)


def test_is_complete_on_a_smooth_network(smooth: Ask) -> None:
    question = smooth()
    batch = question.batch
    change = question.gate.score(batch.x, batch.target) - question.gate.score(batch.baseline, batch.target)
    torch.testing.assert_close(found(question, 32).flatten(1).sum(1), change, rtol=1e-7, atol=1e-10)


def test_is_complete_to_a_thousandth_on_a_network_with_kinks() -> None:
    question = pictures()
    maps, _ = explain(Asked(methods["integrated_gradients"], {"budget": 256}), question.gate, question.batch)
    batch = question.batch
    change = question.gate.score(batch.x, batch.target) - question.gate.score(batch.baseline, batch.target)
    assert ((maps.sum(1) - change).abs() <= 1e-3 * maps.abs().sum(1)).all()


def test_one_step_is_exact_on_a_linear_model(smooth: Ask) -> None:
    batch = smooth().batch
    network = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(48, 3, dtype=torch.float64)))
    question = Question(Gate(Network(network), "logit"), batch)
    weight = question.gate.module[1].weight[batch.target].reshape(batch.x.shape)
    expected = (weight * (batch.x - batch.baseline)).detach()
    torch.testing.assert_close(found(question, 1), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("budget", [1, 7, 32])
def test_bills_a_pass_forward_and_back_per_step(smooth: Ask, budget: int) -> None:
    question = smooth()
    cost = explain(Asked(methods["integrated_gradients"], {"budget": budget}), question.gate, question.batch)[1]
    assert (cost.forward, cost.backward) == (4 * budget, 4 * budget)
