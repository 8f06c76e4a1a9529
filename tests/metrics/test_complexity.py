"""The metrics of complexity against SciPy, NumPy and the textbook's Gini index."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from torch import Tensor

from heatproof.benchmark import metrics

NAMES = ["sparseness", "entropy", "effective_complexity"]
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))
MAPS = st.lists(NUMBERS, min_size=2, max_size=12).filter(any)


def ask(name: str, attribution: list[float], **settings: float) -> float:
    values: Tensor = metrics[name].function(torch.tensor([attribution], dtype=torch.float64), **settings)
    return values.item()


@given(MAPS)
def test_sparseness_is_the_textbooks_gini_index(values: list[float]) -> None:
    """Half the mean absolute difference of all pairs, relative to the mean."""
    size = np.abs(values)
    expected = np.abs(size[:, None] - size).mean() / (2 * size.mean())
    assert ask("sparseness", values) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(MAPS)
def test_entropy_is_scipys_to_the_base_of_the_number_of_elements(values: list[float]) -> None:
    expected = entropy(np.abs(values), base=len(values))
    assert ask("entropy", values) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(MAPS, st.sampled_from([0.0, 0.01, 0.3, 0.99]))
def test_effective_complexity_is_numpys_count(values: list[float], epsilon: float) -> None:
    size = np.abs(values)
    assert ask("effective_complexity", values, epsilon=epsilon) == (size > epsilon * size.max()).mean()


@pytest.mark.parametrize("epsilon", [-0.1, 1.0, 2])
def test_effective_complexity_takes_a_share_of_the_largest(epsilon: float) -> None:
    with pytest.raises(ValueError, match=f"epsilon is {epsilon}; expected a number from 0, below 1"):
        ask("effective_complexity", [1.0, 2.0], epsilon=epsilon)


@pytest.mark.parametrize("name", NAMES)
def test_does_not_see_signs_or_places(name: str) -> None:
    assert ask(name, [1.0, -2.0, 3.0, 0.01]) == pytest.approx(ask(name, [3.0, 0.01, 1.0, 2.0]), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [2, 5, 4096])
def test_all_on_one_is_simplest_and_all_alike_most_complex(name: str, count: int) -> None:
    one, alike = ask(name, [0.0] * (count - 1) + [-2.0]), ask(name, [3.0] * count)
    assert (one, alike) == pytest.approx(
        {"sparseness": (1 - 1 / count, 0.0), "entropy": (0.0, 1.0), "effective_complexity": (1 / count, 1.0)}[name],
        rel=1e-12,
        abs=1e-12,
    )
