"""Completeness on linear models, where exact attributions are known."""

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Network, column_units, metrics
from heatproof.benchmark.checks._questions import Question, seeded
from heatproof.benchmark.harness import Asked, score


def linear(samples: int = 10) -> tuple[Question, Tensor]:
    """Ask a linear model in float64; return its exact attributions, too."""
    source = torch.Generator().manual_seed(81)
    x, baseline = torch.randn(2, samples, 40, generator=source, dtype=torch.float64)
    module = seeded(lambda: nn.Linear(40, 3, dtype=torch.float64))
    ids = tuple(map(str, range(samples)))
    target = torch.arange(samples) % 3
    batch = Batch(ids, x, target, column_units(x), baseline)
    exact = dict(module.named_parameters())["weight"][target].detach() * (x - baseline)
    return Question(Gate(Network(module), "logit"), batch), exact


def found(question: Question, attribution: Tensor) -> Tensor:
    return score(Asked(metrics["completeness"], {}), question.gate, question.batch, attribution, None)[0][
        "completeness"
    ]


def test_exact_attributions_of_a_linear_model_are_complete_but_for_rounding() -> None:
    question, exact = linear()
    assert (found(question, exact) <= 1e-12).all()
    assert (found(question, exact.float().double()) <= 1e-6).all()


@pytest.mark.parametrize("scale", [0.0, 0.5, 2.0, -1.0])
def test_is_the_relative_gap_of_the_sum(scale: float) -> None:
    question, exact = linear()
    torch.testing.assert_close(
        found(question, scale * exact), torch.full((10,), abs(scale - 1)).double(), rtol=1e-9, atol=1e-12
    )


def test_only_the_sum_counts() -> None:
    question, exact = linear()
    one = torch.zeros_like(exact)
    one[:, 7] = exact.sum(1)
    torch.testing.assert_close(found(question, one), found(question, exact), rtol=0, atol=1e-12)


def test_is_undefined_where_the_score_does_not_change() -> None:
    question, exact = linear(4)
    batch = question.batch
    flat = Question(question.gate, Batch(batch.ids, batch.x, batch.target, batch.units, batch.x.clone()))
    assert found(flat, exact).isnan().all()


def test_bills_two_passes_a_sample() -> None:
    question, exact = linear(6)
    cost = score(Asked(metrics["completeness"], {}), question.gate, question.batch, exact, None)[1]
    assert (cost.forward, cost.backward) == (12, 0)
