"""Smoothed maps against scipy's Gaussian filter of the sharp ones."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from heatproof.benchmark import Refused, methods
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.harness import Asked, explain
from heatproof.methods._blur import smoothed

Ask = Callable[..., Question]
SHARP = {"smooth_input_x_gradient": "input_x_gradient", "smooth_integrated_gradients": "integrated_gradients"}


def slow(sharp: Tensor, kernel: int) -> Tensor:
    """Scipy's filter, cut off at the kernel's half, with zeros beyond the border."""
    filtered = [
        gaussian_filter(row.numpy(), kernel / 4, mode="constant", radius=kernel // 2) for row in sharp.double().sum(1)
    ]
    return torch.from_numpy(np.stack(filtered))[:, None]


@pytest.mark.parametrize("kernel", [1, 3, 9, 17])
@pytest.mark.parametrize("name", SHARP)
def test_is_the_blurred_signed_sum_over_channels(smooth: Ask, name: str, kernel: int) -> None:
    question = smooth()
    settings = {"budget": 20} if name == "smooth_integrated_gradients" else {}
    batch = question.batch
    given = (batch.x, batch.target, batch.baseline)[: 3 if settings else 2]
    sharp = methods[SHARP[name]].function(question.gate, *given, **settings)
    found = methods[name].function(question.gate, *given, kernel=kernel)
    torch.testing.assert_close(found, slow(sharp, kernel), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("side", "kernel"), [(448, 129), (224, 65), (64, 19), (4, 1)])
def test_default_kernel_is_the_papers_in_proportion(side: int, kernel: int) -> None:
    point = torch.zeros(1, 1, side, side + 5)
    point[..., side // 2, side // 2] = 1
    torch.testing.assert_close(smoothed(point, 0, "x"), slow(point, kernel), rtol=1e-10, atol=1e-14)


def test_default_budget_is_the_papers(smooth: Ask) -> None:
    question = smooth()
    cost = explain(Asked(methods["smooth_integrated_gradients"], {}), question.gate, question.batch)[1]
    assert (cost.forward, cost.backward) == (4 * 20, 4 * 20)


@pytest.mark.parametrize("name", SHARP)
@pytest.mark.parametrize("kernel", [2, 16, -3])
def test_a_kernel_without_a_middle_is_misuse(smooth: Ask, name: str, kernel: int) -> None:
    question = smooth()
    with pytest.raises(ValueError, match=f"{name}: kernel is {kernel}; give an odd number"):
        explain(Asked(methods[name], {"kernel": kernel}), question.gate, question.batch)


@pytest.mark.parametrize("name", SHARP)
def test_refuses_tables(additive: Ask, name: str) -> None:
    question = additive(pictures=False)
    with pytest.raises(Refused, match=f"{name} needs pictures"):
        explain(Asked(methods[name], {}), question.gate, question.batch)
