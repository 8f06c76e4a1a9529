"""Sparseness against the textbook's Gini index, the mean difference of all pairs."""

from math import isnan

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from heatproof.benchmark import metrics


def ask(attribution: list[float]) -> float:
    values: Tensor = metrics["sparseness"].function(torch.tensor([attribution], dtype=torch.float64))
    return values.item()


def gini(values: list[float]) -> float:
    """Half the mean absolute difference of all pairs, relative to the mean."""
    size = [abs(value) for value in values]
    pairs = sum(abs(a - b) for a in size for b in size)
    return pairs / (2 * len(size) ** 2 * (sum(size) / len(size)))


NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))


@given(st.lists(NUMBERS, min_size=1, max_size=12).filter(any))
def test_is_the_textbooks_gini_index(values: list[float]) -> None:
    assert ask(values) == pytest.approx(gini(values), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("count", [1, 2, 5, 4096])
def test_reaches_its_bounds(count: int) -> None:
    assert ask([3.0] * count) == pytest.approx(0.0, abs=1e-12)
    assert ask([0.0] * (count - 1) + [-2.0]) == pytest.approx(1 - 1 / count, rel=1e-12, abs=1e-12)


def test_does_not_see_signs_or_places() -> None:
    assert ask([1.0, -2.0, 3.0]) == ask([3.0, 1.0, 2.0])


def test_a_zero_map_is_undefined() -> None:
    assert isnan(ask([0.0] * 5))
