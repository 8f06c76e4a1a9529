"""SmoothGrad against a slow loop over the same random streams."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import methods, seed_of
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.harness import Asked, explain

Ask = Callable[..., Question]


def slow(question: Question, budget: int, noise: float, seed: int) -> Tensor:
    """One sample, one noisy copy after the other."""
    rows = []
    for name, x, target in zip(question.batch.ids, question.batch.x, question.batch.target, strict=True):
        stream = torch.Generator().manual_seed(seed_of(seed, "smoothgrad", 0, name))
        total = torch.zeros_like(x)
        for _ in range(budget):
            copy = x + noise * (x.max() - x.min()) * torch.randn(x.shape, generator=stream)
            leaf = copy[None].requires_grad_()
            probability = question.gate.module(leaf).softmax(1)[0, target]
            total += torch.autograd.grad(probability, leaf)[0][0]
        rows.append(total.sum(0).flatten() / budget)
    return torch.stack(rows)


@pytest.mark.parametrize(("budget", "noise", "seed"), [(1, 0.15, 0), (5, 0.15, 0), (12, 0.6, 3)])
def test_equals_a_slow_loop(smooth: Ask, budget: int, noise: float, seed: int) -> None:
    question = smooth()
    asked = Asked(methods["smoothgrad"], {"budget": budget, "noise": noise}, seed)
    maps, cost = explain(asked, question.gate, question.batch)
    torch.testing.assert_close(maps, slow(question, budget, noise, seed), rtol=1e-6, atol=1e-9)
    assert (cost.forward, cost.backward) == (4 * budget, 4 * budget)


@pytest.mark.parametrize(("noise", "flat"), [(0.0, False), (0.15, True)])
def test_without_noise_or_without_range_it_is_the_gradient(smooth: Ask, noise: float, flat: bool) -> None:
    question = smooth()
    if flat:
        question.batch.x.fill_(0.5)
    asked = Asked(methods["smoothgrad"], {"noise": noise, "budget": 3})
    maps = explain(asked, question.gate, question.batch)[0]
    expected = explain(Asked(methods["gradient"], {}), question.gate, question.batch)[0]
    torch.testing.assert_close(maps, expected, rtol=1e-6, atol=1e-12)
