"""Expected gradients against a slow loop, captum's GradientShap with the same draws, and closed forms."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import GradientShap
from torch import Tensor

from heatproof.benchmark import Gate, Network, Refused, Rng, methods
from heatproof.benchmark.checks._questions import Asked as Asks
from heatproof.benchmark.checks._questions import Question, pictures, table
from heatproof.benchmark.checks.method_checks import CHECKS, Subject
from heatproof.benchmark.harness import Asked, explain

Ask = Callable[..., Question]
SEEDS = [5, 6, 7, 8]


def pooled(question: Question, size: int = 6) -> Question:
    shape = (size, *question.batch.x.shape[1:])
    pool = torch.rand(shape, generator=torch.Generator().manual_seed(9), dtype=question.batch.x.dtype)
    return replace(question, batch=replace(question.batch, pool=pool))


def found(question: Question, budget: int) -> Tensor:
    batch = question.batch
    maps: Tensor = methods["expected_gradients"].function(
        question.gate, batch.x, batch.target, batch.pool, Rng(SEEDS), budget=budget
    )
    return maps


@pytest.mark.parametrize("budget", [1, 5, 12])
def test_equals_a_slow_loop(smooth: Ask, budget: int) -> None:
    question = pooled(smooth())
    rows = []
    for seed, x, target in zip(SEEDS, question.batch.x, question.batch.target, strict=True):
        stream = torch.Generator().manual_seed(seed)
        picks = torch.randint(6, (budget,), generator=stream)
        places = torch.rand(budget, generator=stream).double()
        total = torch.zeros_like(x)
        for pick, place in zip(picks, places, strict=True):
            start = question.batch.pool[pick]
            leaf = (start + place * (x - start))[None].requires_grad_()
            score = question.gate.module(leaf).softmax(1)[0, target]
            total += (x - start) * torch.autograd.grad(score, leaf)[0][0]
        rows.append(total / budget)
    torch.testing.assert_close(found(question, budget), torch.stack(rows), rtol=1e-9, atol=1e-13)


def test_equals_captums_gradient_shap_with_the_same_draws(smooth: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Captum draws the references, then the places, of all copies of the samples in turn."""
    question, budget = pooled(smooth()), 8
    batch = question.batch
    stream = Rng(SEEDS)
    picks, places = stream.integers(6, budget).flatten().numpy(), stream.uniform(budget).double().flatten().numpy()
    with monkeypatch.context() as patch:
        patch.setattr(np.random, "choice", lambda count, size: picks)
        patch.setattr(np.random, "uniform", lambda low, high, size: places)
        patch.setattr(torch, "normal", lambda mean, spread: 0 * spread)
        expected = GradientShap(question.gate.score).attribute(
            batch.x, batch.pool, n_samples=budget, stdevs=0.0, additional_forward_args=batch.target
        )
    torch.testing.assert_close(found(question, budget), expected, rtol=1e-5, atol=1e-9)


def test_of_one_reference_tends_to_integrated_gradients(smooth: Ask) -> None:
    question = pooled(smooth(), size=1)
    batch = question.batch
    baseline = batch.pool.expand_as(batch.x)
    exact = methods["integrated_gradients"].function(question.gate, batch.x, batch.target, baseline)
    errors = [(found(question, budget) - exact).square().mean().sqrt().item() for budget in (100, 6400)]
    assert errors[1] == pytest.approx(errors[0] / 8, rel=0.6)


def test_of_a_linear_model_is_the_weight_times_the_way_from_the_drawn_references(additive: Ask) -> None:
    question = pooled(additive(pictures=False))
    weight = torch.arange(1, 7, dtype=torch.float64)
    linear = Question(Gate(Network(Asks(lambda x: x @ weight)), "logit"), question.batch)
    linear.batch.target.zero_()
    mean = question.batch.pool[Rng(SEEDS).integers(6, 50)].mean(1)
    torch.testing.assert_close(found(linear, 50), weight * (question.batch.x - mean), rtol=1e-9, atol=1e-12)


def test_refuses_samples_without_others_and_a_budget_of_none(smooth: Ask) -> None:
    question = smooth()
    with pytest.raises(Refused, match="without others to draw from"):
        explain(Asked(methods["expected_gradients"], {}), question.gate, question.batch)
    with pytest.raises(Refused, match="expected_gradients needs at least 1"):
        found(pooled(question), 0)


@pytest.mark.parametrize("make", [pictures, table])
@pytest.mark.parametrize("name", [name for name in CHECKS if name != "target"])
def test_keeps_the_contract_where_there_is_a_pool(name: str, make: Callable[[], Question]) -> None:
    CHECKS[name](Subject(methods["expected_gradients"], {"budget": 10}, lambda: pooled(make())))


def test_default_budget_is_the_papers(smooth: Ask) -> None:
    question = pooled(smooth())
    cost = explain(Asked(methods["expected_gradients"], {}), question.gate, question.batch)[1]
    assert (cost.forward, cost.backward) == (4 * 200, 4 * 200)
