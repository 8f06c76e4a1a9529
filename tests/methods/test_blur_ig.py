"""Blur IG against scipy's blur, a fine sum of the paper's integrand, and completeness."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from heatproof.benchmark import Refused, methods
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.harness import Asked, explain
from heatproof.methods.paths.blur_ig import blurred

Ask = Callable[..., Question]


def found(question: Question, **settings: object) -> Tensor:
    maps: Tensor = methods["blur_ig"].function(question.gate, question.batch.x, question.batch.target, **settings)
    return maps


def scipys(x: Tensor, sigma: float) -> Tensor:
    return torch.from_numpy(gaussian_filter(x.numpy(), (0, 0, sigma, sigma), mode="constant", truncate=12))


@pytest.mark.parametrize("sigma", [0.3, 0.7, 1.0, 2.5, 20.0])
def test_blur_is_scipys_where_that_is_not_cut_off(smooth: Ask, sigma: float) -> None:
    x = smooth().batch.x
    torch.testing.assert_close(blurred(x, sigma), scipys(x, sigma), rtol=1e-9, atol=1e-12)


def test_no_blur_is_the_picture_to_the_bit(smooth: Ask) -> None:
    x = smooth().batch.x
    assert blurred(x, 0.0).equal(x)
    assert blurred(x, 1e-9).equal(x)


def test_equals_a_fine_sum_of_the_papers_integrand(smooth: Ask) -> None:
    """The gradient at the blurred picture times the blur's own derivative, which is taken by central differences."""
    question, sigma, count = smooth(), 2.0, 1000
    x, target = question.batch.x, question.batch.target
    expected = torch.zeros_like(x)
    for place in (np.arange(count) + 0.5) * sigma / count:
        slope = (scipys(x, place - 1e-4) - scipys(x, place + 1e-4)) / 2e-4
        expected += question.gate.gradient(scipys(x, place), target) * slope * sigma / count
    whole = sigma * 224 / 4
    torch.testing.assert_close(found(question, sigma=whole, budget=1000), expected, rtol=1e-3, atol=1e-6)
    assert (found(question, sigma=whole) - expected).abs().max() <= 1e-3 * expected.abs().max()


def test_equals_its_sum_by_hand(smooth: Ask) -> None:
    question = smooth()
    x, target, sides = question.batch.x, question.batch.target, [0.0, 0.3, 0.6, 0.9]
    expected = sum(
        question.gate.gradient(scipys(x, (low + high) / 2), target) * (scipys(x, low) - scipys(x, high))
        for low, high in pairwise(sides)
    )
    torch.testing.assert_close(found(question, sigma=0.9 * 224 / 4, budget=3), expected, rtol=1e-9, atol=1e-12)


def test_adds_up_to_the_change_from_the_blurred_picture(smooth: Ask) -> None:
    question = smooth()
    x, target = question.batch.x, question.batch.target
    change = question.gate.score(x, target) - question.gate.score(blurred(x, 50 * 4 / 224), target)
    torch.testing.assert_close(found(question).flatten(1).sum(1), change, rtol=1e-3, atol=1e-9)


def test_width_is_in_pixels_of_pictures_of_224_and_more(smooth: Ask) -> None:
    question = smooth()
    large = torch.rand(1, 2, 240, 250, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    class Seen:
        readout = "logit"
        points: list[Tensor] = []  # noqa: RUF012

        def score(self, x: Tensor, target: Tensor) -> Tensor:
            self.points.append(x.detach())
            return x.flatten(1).sum(1)

    methods["blur_ig"].function(Seen(), large, question.batch.target[:1], budget=1)
    torch.testing.assert_close(Seen.points[0], blurred(large, 25.0), rtol=1e-12, atol=1e-14)


def test_refuses_tables_and_a_budget_of_none(smooth: Ask, additive: Ask) -> None:
    flat = additive(pictures=False)
    with pytest.raises(Refused, match="blur_ig needs pictures"):
        explain(Asked(methods["blur_ig"], {}), flat.gate, flat.batch)
    with pytest.raises(Refused, match="blur_ig needs at least 1"):
        found(smooth(), budget=0)


def test_default_budget_is_the_papers(smooth: Ask) -> None:
    question = smooth()
    cost = explain(Asked(methods["blur_ig"], {}), question.gate, question.batch)[1]
    assert (cost.forward, cost.backward) == (4 * 100, 4 * 100)
