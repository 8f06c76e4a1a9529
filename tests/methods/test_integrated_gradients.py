"""Integrated gradients against a plain Riemann sum, quadratures by hand and captum's, and completeness."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

from heatproof.benchmark import Gate, Network, Refused, methods
from heatproof.benchmark.checks._questions import Question, pictures, seeded
from heatproof.benchmark.harness import Asked, explain

Ask = Callable[..., Question]


QUADRATURES = ("gauss_legendre", "trapezoid", "left", "right", "midpoint")


def found(question: Question, budget: int, quadrature: str = "gauss_legendre") -> Tensor:
    batch = question.batch
    function = methods["integrated_gradients"].function
    attribution: Tensor = function(
        question.gate, batch.x, batch.target, batch.baseline, budget=budget, quadrature=quadrature
    )
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


@pytest.mark.parametrize(
    ("quadrature", "places", "weights"),
    [
        ("trapezoid", [0, 0.25, 0.5, 0.75, 1], [0.125, 0.25, 0.25, 0.25, 0.125]),
        ("left", [0, 0.2, 0.4, 0.6, 0.8], [0.2] * 5),
        ("right", [0.2, 0.4, 0.6, 0.8, 1], [0.2] * 5),
        ("midpoint", [0.1, 0.3, 0.5, 0.7, 0.9], [0.2] * 5),
    ],
)
def test_equals_quadratures_by_hand(smooth: Ask, quadrature: str, places: list[float], weights: list[float]) -> None:
    question = smooth()
    torch.testing.assert_close(found(question, 5, quadrature), path(question, places, weights), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("quadrature", QUADRATURES)
def test_equals_captum(smooth: Ask, quadrature: str) -> None:
    """Captum's trapezoid has n points 1 / (n - 1) apart, and weighs them with 1 / n: it is too small by that."""
    question, budget = smooth(), 9
    batch = question.batch
    names = {"gauss_legendre": "gausslegendre", "midpoint": "riemann_middle"}
    expected = IntegratedGradients(question.gate.score).attribute(
        batch.x,
        batch.baseline,
        additional_forward_args=batch.target,
        n_steps=budget,
        method=names.get(quadrature, f"riemann_{quadrature}"),
    )
    wrong = budget / (budget - 1) if quadrature == "trapezoid" else 1
    torch.testing.assert_close(found(question, budget, quadrature), expected * wrong, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("quadrature", QUADRATURES)
def test_every_quadrature_comes_to_the_same(smooth: Ask, quadrature: str) -> None:
    question, order = smooth(), {"left": 1, "right": 1, "gauss_legendre": 9}.get(quadrature, 2)
    exact = found(question, 40)
    coarse, fine = ((found(question, count, quadrature) - exact).abs().max() for count in (17, 65))
    assert fine <= coarse * 4 ** (0.1 - order) + 1e-14


def test_an_unknown_quadrature_is_misuse(smooth: Ask) -> None:
    with pytest.raises(ValueError, match="'simpson' is unknown; choose one of gauss_legendre, trapezoid, left, right"):
        found(smooth(), 8, "simpson")


@pytest.mark.parametrize(("quadrature", "least"), [("gauss_legendre", 1), ("trapezoid", 2), ("left", 1), ("right", 1)])
def test_refuses_a_budget_that_is_too_small(smooth: Ask, quadrature: str, least: int) -> None:
    question = smooth()
    with pytest.raises(Refused, match=f"integrated_gradients needs at least {least}"):
        found(question, least - 1, quadrature)
    assert found(question, least, quadrature).isfinite().all()


def test_ends_at_the_input_to_the_bit() -> None:
    question = pictures()
    seen: list[Tensor] = []

    class Watched(Gate):
        def score(self, x: Tensor, target: Tensor) -> Tensor:
            seen.append(x.detach())
            return super().score(x, target)

    watched = Question(Watched(question.gate.network), question.batch)
    watched.batch.baseline.fill_(33.3)
    found(watched, 7, "trapezoid")
    points = torch.cat(seen).reshape(7, *question.batch.x.shape)
    assert points[0].equal(question.batch.baseline)
    assert points[-1].equal(question.batch.x)
