"""Saliency and its smoothed form: magnitudes of the gradient, against captum, a closed form and slow loops."""

from collections.abc import Callable

import pytest
import torch
from captum.attr import Saliency
from torch import nn

from heatproof.benchmark import Gate, Network, Refused, methods, seed_of
from heatproof.benchmark.checks._questions import Question, seeded
from heatproof.benchmark.harness import Asked, explain

Ask = Callable[..., Question]


def test_equals_captums_saliency(smooth: Ask) -> None:
    question = smooth()
    x, target = question.batch.x, question.batch.target
    asked = Saliency(lambda z, t: question.gate.module(z).softmax(1).gather(1, t[:, None])[:, 0])
    leaf = x.clone().requires_grad_()
    expected = asked.attribute(leaf, additional_forward_args=target, abs=True).sum(1).flatten(1)
    maps, cost = explain(Asked(methods["saliency"], {}), question.gate, question.batch)
    torch.testing.assert_close(maps, expected, rtol=1e-6, atol=1e-12)
    assert (cost.forward, cost.backward) == (4, 4)


@pytest.mark.parametrize("name", ["saliency", "smooth_saliency"])
def test_of_a_linear_model_it_is_the_magnitude_of_the_weights(smooth: Ask, name: str) -> None:
    batch = smooth().batch
    network = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(48, 3, dtype=torch.float64)))
    weights = network[1].weight.detach()
    assert bool((weights < 0).any()), "no weight is negative, or this proves less than it says"
    expected = weights[batch.target].reshape(4, 2, 24).abs().sum(1)
    maps = explain(Asked(methods[name], {}), Gate(Network(network), "logit"), batch)[0]
    torch.testing.assert_close(maps, expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("budget", "noise", "seed"), [(1, 0.15, 0), (6, 0.6, 3)])
def test_smoothed_it_is_the_magnitude_of_the_mean(smooth: Ask, budget: int, noise: float, seed: int) -> None:
    question = smooth()
    rows, magnitudes = [], []
    for label, x, target in zip(question.batch.ids, question.batch.x, question.batch.target, strict=True):
        stream = torch.Generator().manual_seed(seed_of(seed, "smooth_saliency", 0, label))
        mean, size = torch.zeros_like(x), torch.zeros_like(x)
        for _ in range(budget):
            leaf = (x + noise * (x.max() - x.min()) * torch.randn(x.shape, generator=stream))[None].requires_grad_()
            probability = question.gate.module(leaf).softmax(1)[0, target]
            gradient = torch.autograd.grad(probability, leaf)[0][0]
            mean, size = mean + gradient / budget, size + gradient.abs() / budget
        rows.append(mean.abs().sum(0).flatten())
        magnitudes.append(size.sum(0).flatten())
    asked = Asked(methods["smooth_saliency"], {"budget": budget, "noise": noise}, seed)
    maps = explain(asked, question.gate, question.batch)[0]
    torch.testing.assert_close(maps, torch.stack(rows), rtol=1e-6, atol=1e-12)
    assert torch.allclose(maps, torch.stack(magnitudes), rtol=1e-3) == (budget == 1)


def test_without_noise_the_smoothed_one_is_the_plain_one(smooth: Ask) -> None:
    question = smooth()
    smoothed, plain = (
        explain(Asked(methods[name], settings), question.gate, question.batch)[0]
        for name, settings in (("smooth_saliency", {"budget": 3, "noise": 0.0}), ("saliency", {}))
    )
    torch.testing.assert_close(smoothed, plain, rtol=1e-6, atol=1e-12)


def test_refuses_to_average_nothing(smooth: Ask) -> None:
    question = smooth()
    with pytest.raises(Refused, match="smooth_saliency needs at least 1"):
        explain(Asked(methods["smooth_saliency"], {"budget": 0}), question.gate, question.batch)
