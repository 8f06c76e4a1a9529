"""Orders and ranks: ties by chance, the rest against scipy and against counting."""

from collections import Counter
from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, rankdata

from heatproof.benchmark import areas, descending, per_unit, ranks, rounding_of, snapped, spread, streams, tied_share

PRECISION = 2.0**-36
floats = st.floats(allow_nan=False, allow_infinity=False, width=32)
rows = st.lists(st.integers(-3, 3), min_size=1, max_size=9)


@given(st.integers(1, 4), st.data())
def test_ranks_are_those_of_scipy(n: int, data: st.DataObject) -> None:
    width = data.draw(st.integers(1, 8))
    values = [data.draw(st.lists(st.integers(-3, 3), min_size=width, max_size=width)) for _ in range(n)]
    expected = rankdata(values, method="average", axis=1).tolist()
    assert ranks(torch.tensor(values).double()).tolist() == expected


@given(rows)
def test_descending_sorts(row: list[int]) -> None:
    order = descending(torch.tensor([row]), streams(["a"], 0))[0].tolist()
    assert sorted(order) == list(range(len(row)))
    assert [row[i] for i in order] == sorted(row, reverse=True)


def test_every_order_of_a_tie_is_as_likely() -> None:
    n = 6000
    relevance = torch.tensor([[1.0, 5.0, 1.0, 1.0]]).expand(n, -1)
    orders = descending(relevance, streams([f"s{i}" for i in range(n)], "test"))
    counts = Counter(map(tuple, orders.tolist()))
    assert set(counts) == {(1, *rest) for rest in permutations((0, 2, 3))}
    statistic = sum((count - n / 6) ** 2 / (n / 6) for count in counts.values())
    assert statistic < chi2.ppf(0.999, df=5)


def test_the_order_of_ties_depends_on_the_stream_alone() -> None:
    ids = ["a", "b", "c"]
    flat, scaled = torch.zeros(3, 9), torch.full((3, 9), 7.0)
    once = descending(flat, streams(ids, 0))
    assert torch.equal(once, descending(scaled, streams(ids, 0)))
    assert torch.equal(once[1:2], descending(flat[:1], streams(["b"], 0)))
    assert not torch.equal(once, descending(flat, streams(ids, 1)))


@given(rows)
def test_tied_share_counts_entries_that_have_a_twin(row: list[int]) -> None:
    expected = sum(row.count(value) > 1 for value in row) / len(row)
    assert tied_share(torch.tensor([row])).item() == pytest.approx(expected)


def slowly_snapped(row: list[float], rounding: float) -> list[float]:
    """The first value of each level, walking up from the least."""
    level = {}
    first, largest = -torch.inf, max(map(abs, row))
    for value in sorted(row):
        if value > first + max(abs(first) * PRECISION, rounding * largest) or not level:
            first = value
        level[value] = first
    return [level[value] for value in row]


@pytest.mark.parametrize("rounding", [0.0, 1e-9, 1e-3])
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=30), st.sampled_from([2.0**-40, 2.0**-37, 2.0**-30, 1e-4]))
def test_levels_are_measured_from_their_first_value(rounding: float, steps: list[int], size: float) -> None:
    """A chain of neighbours, each nearer to the next than rounding, is cut where it has gone too far."""
    row = [(1 + step * size) * (-1) ** (step % 2) for step in steps]
    assert snapped(torch.tensor([row], dtype=torch.float64), rounding).tolist() == [slowly_snapped(row, rounding)]


@given(st.lists(floats, min_size=1, max_size=9))
def test_values_in_single_precision_are_never_merged(row: list[float]) -> None:
    single = torch.tensor([row])
    neighbours = torch.cat([single, single.nextafter(torch.tensor(torch.inf)), single.nextafter(-single)], 1)
    neighbours = neighbours.where(neighbours.isfinite(), 0.0)
    assert snapped(neighbours).equal(neighbours.double())


@pytest.mark.parametrize("scale", [1e-300, -1e-12, 1.0, -3.7, 1e300])
def test_values_in_double_precision_are_told_apart_by_a_share_of_two_to_the_minus_36(scale: float) -> None:
    near, apart = (torch.tensor([[1.0, 1 + 2.0**-k]], dtype=torch.float64) * scale for k in (37, 35))
    assert (tied_share(near), tied_share(apart)) == (1, 0)
    assert ranks(near).tolist() == [[1.5, 1.5]]
    assert sorted(ranks(apart)[0].tolist()) == [1, 2]


def test_what_is_not_finite_keeps_its_place() -> None:
    row = torch.tensor([[torch.inf, 1 + 1e-13, torch.nan, -torch.inf, 1.0]], dtype=torch.float64)
    expected = torch.tensor([[torch.inf, 1.0, torch.nan, -torch.inf, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(snapped(row), expected, rtol=0, atol=0, equal_nan=True)


@given(st.lists(st.integers(1, 400), min_size=2, max_size=12), st.floats(1e-30, 1e30))
def test_equal_units_of_any_area_are_tied(sizes: list[int], value: float) -> None:
    units = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))[None]
    equal = torch.full((1, len(sizes)), value, dtype=torch.float64)
    assert tied_share(per_unit(spread(equal, units), units)) == 1
    area = areas(units)
    even = spread(equal * area, units)
    assert tied_share(even) == 1, "relevance per area that is equal is equal element by element"
    assert tied_share(per_unit(even, units) / area) == 1


def test_what_cancels_within_a_unit_is_zero() -> None:
    elements = torch.tensor([[0.1, 0.2, -0.3, 0.4, -0.4, 1e-30]], dtype=torch.float64)
    units = torch.tensor([[0, 0, 0, 1, 1, 2]])
    assert float(elements[0, :3].sum()) != 0, "rounding leaves something, or this proves nothing"
    assert per_unit(elements, units).tolist() == [[0, 0, 1e-30]]


def test_differences_are_rounded_as_what_they_are_made_of() -> None:
    half, single, double, whole = (
        rounding_of(dtype) for dtype in (torch.float16, torch.float32, torch.float64, torch.int64)
    )
    assert (half, single, double) == (2.0**-7, 2.0**-20, 2.0**-40)
    assert whole == double
