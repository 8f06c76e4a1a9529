"""C-LIME against least squares by numpy, its plain definition where draws are few, and the gradient it tends to."""

import numpy as np
import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Refused, Rng, methods
from heatproof.benchmark.checks._questions import Question, ask, pictures


def found(question: Question, **settings: float) -> Tensor:
    batch = question.batch
    rng = Rng(range(len(batch)))
    values: Tensor = methods["c_lime"].function(question.gate, batch.x, batch.target, rng, **settings)
    return values


def steps(x: Tensor, budget: int, noise: float) -> Tensor:
    """The noise (N, M, D) that the same streams give, one draw after the other."""
    rng, reach = Rng(range(len(x))), x.flatten(1).amax(1) - x.flatten(1).amin(1)
    drawn = torch.stack([rng.normal(*x.shape[1:]).flatten(1) for _ in range(budget)], 1)
    return noise * reach[:, None, None] * drawn


def rows(samples: int, columns: int = 5) -> Tensor:
    return torch.randn(1, columns, generator=torch.Generator().manual_seed(61)).double().repeat(samples, 1)


@pytest.mark.parametrize("noise", [0.02, 0.15, 1.0])
def test_equals_least_squares_on_the_same_draws(noise: float) -> None:
    question = ask(lambda x: (x.sin() * x.roll(1, 1)).sum(1), rows(3))
    x, drawn = question.batch.x, steps(question.batch.x, 50, noise)
    for sample, row in enumerate(found(question, budget=50, noise=noise)):
        design = np.hstack([np.ones((50, 1)), drawn[sample].numpy()])
        scores = question.gate.score(x[sample] + drawn[sample], torch.zeros(50).long()).numpy()
        assert row.tolist() == pytest.approx(np.linalg.lstsq(design, scores, rcond=None)[0][1:].tolist(), rel=1e-8)


@pytest.mark.parametrize("budget", [2, 11])
def test_few_draws_give_regressions_on_one_input_each(budget: int) -> None:
    """Eleven draws are fewer than two for each of five weights and the bias."""
    question = ask(lambda x: (x.sin() * x.roll(1, 1)).sum(1), rows(3))
    x, drawn = question.batch.x, steps(question.batch.x, budget, 0.15)
    for sample, row in enumerate(found(question, budget=budget)):
        scores = question.gate.score(x[sample] + drawn[sample], torch.zeros(budget).long())
        expected = [float(np.polyfit(drawn[sample, :, j].numpy(), scores.numpy(), 1)[0]) for j in range(5)]
        assert row.tolist() == pytest.approx(expected, rel=1e-8)


def test_recovers_a_linear_model_from_two_draws_a_weight() -> None:
    weight = torch.linspace(-1, 3, 5, dtype=torch.float64)
    question = ask(lambda x: x @ weight + 7, rows(2))
    torch.testing.assert_close(found(question, budget=12), weight.expand(2, -1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("budget", [8, 400])
def test_tends_to_the_smoothed_gradient(budget: int) -> None:
    """The mean of cos(x + s z) is cos(x) exp(-s²/2), and that is what both kinds of regression estimate."""
    samples = 1000
    question = ask(lambda x: x.sin().sum(1), rows(samples))
    x = question.batch.x[0]
    spread = 0.15 * (x.max() - x.min())
    exact = x.cos() * torch.exp(-(spread**2) / 2)
    # With few draws a regression on one input has the bias that dividing by a sample's variance brings: none, here,
    # for the noise is symmetric.
    estimates = found(question, budget=budget)
    assert ((estimates.mean(0) - exact).abs() <= 4 * estimates.std(0) / samples**0.5).all()


def test_pictures_have_maps_of_their_own_shape() -> None:
    question = pictures()
    assert found(question, budget=10).shape == question.batch.x.shape


def test_a_constant_picture_has_no_range_and_a_map_of_zeros() -> None:
    question = ask(lambda x: x.sum(1), torch.full((2, 4), 3.0, dtype=torch.float64))
    assert found(question, budget=20).equal(torch.zeros(2, 4, dtype=torch.float64))


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"budget": 1}, Refused, "a budget of 1 passes is too small: c_lime needs at least 2"),
        ({"noise": 0.0}, Refused, "squared error needs noise > 0"),
        ({"noise": -0.1}, ValueError, "noise is -0.1; give a share of the sample's range, 0 or more"),
    ],
)
def test_says_in_one_line_what_it_cannot_do(settings: dict[str, float], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        found(ask(lambda x: x.sum(1), rows(1)), **settings)
