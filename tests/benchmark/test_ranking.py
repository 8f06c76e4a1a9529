"""Orders and ranks: ties by chance, the rest against scipy and against counting."""

from collections import Counter
from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, rankdata

from heatproof.benchmark import descending, ranks, streams, tied_share

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
