"""Units against loops over every element."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from heatproof.benchmark import (
    areas,
    at_elements,
    column_units,
    element_count,
    grid_units,
    impute,
    like_input,
    per_unit,
    spread,
    unit_count,
)
from heatproof.benchmark.units import to_elements


@st.composite
def labelled(draw: st.DrawFn) -> tuple[Tensor, Tensor, int]:
    """Draw numbers (N, E), labels (N, E) of which -1 is none, and the number of units."""
    n, elements, units = draw(st.integers(1, 3)), draw(st.integers(1, 7)), draw(st.integers(1, 5))
    labels = draw(st.lists(st.integers(-1, units - 1), min_size=n * elements, max_size=n * elements))
    numbers = draw(st.lists(st.integers(-9, 9), min_size=n * elements, max_size=n * elements))
    return torch.tensor(numbers).reshape(n, elements).double(), torch.tensor(labels).reshape(n, elements), units


@given(labelled())
def test_per_unit_sums_what_a_loop_sums(drawn: tuple[Tensor, Tensor, int]) -> None:
    numbers, labels, units = drawn
    expected = [
        [sum(v for v, label in zip(row, marks, strict=True) if label == unit) for unit in range(units)]
        for row, marks in zip(numbers.tolist(), labels.tolist(), strict=True)
    ]
    assert per_unit(numbers, labels, units).tolist() == expected
    assert areas(labels, units).tolist() == [[row.count(unit) for unit in range(units)] for row in labels.tolist()]


@given(labelled())
def test_at_elements_looks_up_what_a_loop_looks_up(drawn: tuple[Tensor, Tensor, int]) -> None:
    _, labels, units = drawn
    values = torch.arange(1.0, len(labels) * units + 1).reshape(len(labels), units)
    expected = [
        [0.0 if label < 0 else row[label] for label in marks]
        for row, marks in zip(values.tolist(), labels.tolist(), strict=True)
    ]
    assert at_elements(values, labels).tolist() == expected


@given(labelled())
def test_spread_keeps_the_sum_and_is_even(drawn: tuple[Tensor, Tensor, int]) -> None:
    _, labels, units = drawn
    values = torch.arange(1.0, len(labels) * units + 1).double().reshape(len(labels), units)
    expected = [
        [0.0 if label < 0 else row[label] / marks.count(label) for label in marks]
        for row, marks in zip(values.tolist(), labels.tolist(), strict=True)
    ]
    torch.testing.assert_close(spread(values, labels), torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=0)
    present = areas(labels, units) > 0
    torch.testing.assert_close(per_unit(spread(values, labels), labels, units)[present], values[present])


def test_grid_units_count_patches_row_by_row_also_where_they_do_not_fit() -> None:
    x = torch.zeros(2, 3, 5, 4)
    expected = [[(row // 2) * 2 + column // 2 for row in range(5) for column in range(4)]] * 2
    assert grid_units(x, 2).tolist() == expected
    assert unit_count(grid_units(x, 2)) == 6


def test_column_units_are_the_columns() -> None:
    assert column_units(torch.zeros(2, 3)).tolist() == [[0, 1, 2], [0, 1, 2]]


@pytest.mark.parametrize(("shape", "count"), [((2, 3, 5, 4), 20), ((2, 7), 7), ((2, 3, 6), 6)])
def test_elements_are_places_channels_taken_together(shape: tuple[int, ...], count: int) -> None:
    assert element_count(torch.zeros(shape)) == count


def test_like_input_stands_behind_every_channel() -> None:
    x = torch.zeros(1, 3, 2, 2)
    assert (like_input(torch.arange(4.0)[None], x) + x)[0, 2].tolist() == [[0, 1], [2, 3]]


def test_impute_replaces_what_is_not_kept() -> None:
    x, baseline = torch.arange(8.0).reshape(1, 2, 2, 2), torch.full((1, 2, 2, 2), -1.0)
    kept = torch.tensor([[True, False, False, True]])
    assert impute(x, baseline, kept).tolist() == [[[[0, -1], [-1, 3]], [[4, -1], [-1, 7]]]]


def test_an_attribution_like_x_sums_its_channels() -> None:
    x, units = torch.zeros(1, 3, 2, 2), torch.tensor([[0, 0, 1, 1]])
    attribution = torch.arange(12.0).reshape(1, 3, 2, 2)
    assert to_elements(attribution, x, units).tolist() == [[0 + 4 + 8, 1 + 5 + 9, 2 + 6 + 10, 3 + 7 + 11]]
    assert to_elements(attribution[:, :1], x, units).tolist() == [[0, 1, 2, 3]]
    assert to_elements(attribution[:, 0].flatten(1), x, units).tolist() == [[0, 1, 2, 3]]


def test_an_attribution_like_units_is_spread() -> None:
    x, units = torch.zeros(1, 3, 2, 2), torch.tensor([[0, 0, 0, 1]])
    assert to_elements(torch.tensor([[6.0, 5.0]]), x, units).tolist() == [[2, 2, 2, 5]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int16])
def test_channels_are_summed_in_double_precision(dtype: torch.dtype) -> None:
    """3 x 30,000 is more than half precision can hold, and 1 beside 256 more than the digits of bfloat16."""
    x, units = torch.zeros(1, 3, 1, 2), torch.tensor([[0, 1]])
    attribution = torch.tensor([[30000.0, 256], [30000.0, 1], [30000.0, 1]]).reshape(1, 3, 1, 2).to(dtype)
    expected = [[sum(map(float, attribution[0, :, 0, place])) for place in (0, 1)]]
    assert expected[0][1] == 258
    assert to_elements(attribution, x, units).tolist() == expected


def test_a_unit_is_spread_in_double_precision() -> None:
    x, units = torch.zeros(1, 1, 1, 4), torch.tensor([[0, 0, 0, 1]])
    assert to_elements(torch.tensor([[1.0, 1.0]]), x, units).tolist() == [[1 / 3, 1 / 3, 1 / 3, 1]]


@pytest.mark.parametrize("shape", [(2, 3, 2, 2), (1, 3), (1, 2, 2, 2), (1,), (1, 2, 2)])
def test_an_attribution_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    x, units = torch.zeros(1, 3, 2, 2), torch.tensor([[0, 0, 1, 1]])
    with pytest.raises(ValueError, match=r"expected \(1, 3, 2, 2\) like x, or \(1, 2\), one value per unit"):
        to_elements(torch.zeros(shape), x, units)
