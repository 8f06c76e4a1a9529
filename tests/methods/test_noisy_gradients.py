"""SquareGrad and VarGrad against slow loops over the same random streams, and against captum's noise tunnel."""

from collections.abc import Callable

import pytest
import torch
from captum.attr import NoiseTunnel, Saliency
from torch import Tensor, nn

from heatproof.benchmark import Gate, Network, Refused, Rng, methods, seed_of
from heatproof.benchmark.checks._questions import Question, seeded
from heatproof.benchmark.harness import Asked, explain

Ask = Callable[..., Question]
NAMES = ("smoothgrad", "square_grad", "var_grad")


def noisy(question: Question, name: str, budget: int, noise: float, seed: int) -> Tensor:
    """The gradients (N, budget, …) of the copies, one sample and one copy after the other."""
    rows = []
    for label, x, target in zip(question.batch.ids, question.batch.x, question.batch.target, strict=True):
        stream = torch.Generator().manual_seed(seed_of(seed, name, 0, label))
        gradients = []
        for _ in range(budget):
            leaf = (x + noise * (x.max() - x.min()) * torch.randn(x.shape, generator=stream))[None].requires_grad_()
            probability = question.gate.module(leaf).softmax(1)[0, target]
            gradients.append(torch.autograd.grad(probability, leaf)[0][0])
        rows.append(torch.stack(gradients))
    return torch.stack(rows)


@pytest.mark.parametrize(("budget", "noise", "seed"), [(2, 0.15, 0), (7, 0.15, 3), (12, 0.6, 0)])
def test_square_grad_is_the_mean_of_squares(smooth: Ask, budget: int, noise: float, seed: int) -> None:
    question = smooth()
    asked = Asked(methods["square_grad"], {"budget": budget, "noise": noise}, seed)
    expected = noisy(question, "square_grad", budget, noise, seed).square().mean(1).sum(1).flatten(1)
    torch.testing.assert_close(explain(asked, question.gate, question.batch)[0], expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("budget", "noise", "seed"), [(2, 0.15, 0), (7, 0.15, 3), (12, 0.6, 0)])
def test_var_grad_is_the_variance(smooth: Ask, budget: int, noise: float, seed: int) -> None:
    question = smooth()
    asked = Asked(methods["var_grad"], {"budget": budget, "noise": noise}, seed)
    expected = noisy(question, "var_grad", budget, noise, seed).var(1, correction=0).sum(1).flatten(1)
    torch.testing.assert_close(explain(asked, question.gate, question.batch)[0], expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "kind"), [("smoothgrad", "smoothgrad"), ("square_grad", "smoothgrad_sq"), ("var_grad", "vargrad")]
)
def test_equals_captums_noise_tunnel(smooth: Ask, monkeypatch: pytest.MonkeyPatch, name: str, kind: str) -> None:
    """Captum is handed the same noise; it draws for each copy in turn, samples together."""
    question, budget = smooth(), 6
    x, target = question.batch.x, question.batch.target
    x = x - x.flatten(1).amin(1).reshape(-1, 1, 1, 1)
    x = x / x.flatten(1).amax(1).reshape(-1, 1, 1, 1)
    found = methods[name].function(question.gate, x, target, Rng([5, 6, 7, 8]), budget=budget, noise=0.3)
    stream = Rng([5, 6, 7, 8])
    drawn = torch.stack([stream.normal(*x.shape[1:]) for _ in range(budget)], 1).flatten(0, 1)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "normal", lambda _mean, spread: spread * drawn)
        tunnel = NoiseTunnel(Saliency(lambda z, t: question.gate.module(z).softmax(1).gather(1, t[:, None])[:, 0]))
        expected = tunnel.attribute(
            x, nt_type=kind, nt_samples=budget, stdevs=0.3, abs=False, additional_forward_args=target
        )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-10)


def test_var_grad_of_a_linear_model_is_exactly_zero(smooth: Ask) -> None:
    batch = smooth().batch
    network = Network(seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(48, 3, dtype=torch.float64))))
    question = Question(Gate(network, "logit", 1), batch)
    assert not explain(Asked(methods["var_grad"], {}), question.gate, batch)[0].any()


@pytest.mark.parametrize(("name", "least"), [("smoothgrad", 1), ("square_grad", 1), ("var_grad", 2)])
def test_refuses_a_budget_that_is_too_small(smooth: Ask, name: str, least: int) -> None:
    question = smooth()
    with pytest.raises(Refused, match=f"{name} needs at least {least}"):
        explain(Asked(methods[name], {"budget": least - 1}), question.gate, question.batch)
    assert explain(Asked(methods[name], {"budget": least}), question.gate, question.batch)[1].forward == 4 * least


@pytest.mark.parametrize("name", NAMES)
def test_one_call_or_many_give_the_same(smooth: Ask, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    question = smooth()
    together = explain(Asked(methods[name], {"budget": 9}), question.gate, question.batch)[0]
    monkeypatch.setattr("heatproof.methods._points.NUMBERS", 3 * question.batch.x.numel())
    apart = explain(Asked(methods[name], {"budget": 9}), question.gate, question.batch)[0]
    torch.testing.assert_close(apart, together, rtol=1e-6, atol=1e-12)
