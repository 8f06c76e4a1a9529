"""Agreement of maps against scipy, definitions in plain loops, all relabellings there are, and published values."""

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from statistics import fmean

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from heatproof.benchmark import UnknownName, column_units
from heatproof.leaderboard._krippendorff import Level, krippendorff_alpha
from heatproof.leaderboard._rank_agreement import (
    KINDS,
    Floats,
    Measure,
    compare_maps,
    relabellings,
    unit_relevance,
)

Map = tuple[float, ...]
K, P = 2, 0.8
TIED = [(3.0, 1.0, 1.0, -2.0, 0.0), (0.5, -3.0, 0.5, 0.5, 1.0), (0.0, 0.0, 0.0, 1.0, -1.0), (2.0, 2.0, -1.0, -1.0, 0.0)]
PLAIN = [(3.0, 1.0, 2.0, -2.5, 0.0), (0.5, -3.0, 0.4, 1.5, 1.0), (5.0, 4.0, 3.0, 2.0, 1.0)]


def orders_of(values: Map) -> Iterator[tuple[int, ...]]:
    """All orders from high to low; several where there are ties."""
    for order in itertools.permutations(range(len(values))):
        if all(values[first] >= values[second] for first, second in itertools.pairwise(order)):
            yield order


def over_orders(ranked: Callable[[Map], Map], score: Callable[..., float]) -> Callable[[Map, Map], float]:
    """The mean of a score of two orders over all orders that the ties allow."""

    def mean(a: Map, b: Map) -> float:
        pairs = itertools.product(orders_of(ranked(a)), orders_of(ranked(b)))
        return fmean(score(first, second, a, b) for first, second in pairs)

    return mean


def rbo_of_orders(first: Iterable[int], second: Iterable[int], *_: Map, p: float = P) -> float:
    """Webber et al. 2010, equation 23, for two lists of the same length."""
    first, second, total = list(first), list(second), 0.0
    length = len(first)
    for depth in range(1, length + 1):
        total += len(set(first[:depth]) & set(second[:depth])) / depth * p**depth
    return len(set(first) & set(second)) / length * p**length + (1 - p) / p * total


def common(first: Sequence[int], second: Sequence[int], *_: Map) -> float:
    return len(set(first[:K]) & set(second[:K])) / K


def common_with_sign(first: Sequence[int], second: Sequence[int], a: Map, b: Map) -> float:
    return sum(a[unit] * b[unit] > 0 for unit in set(first[:K]) & set(second[:K])) / K


def magnitude(values: Map) -> Map:
    return tuple(map(abs, values))


BY_DEFINITION: dict[str, Callable[[Map, Map], float]] = {
    "kendall": cache(lambda a, b: float(stats.kendalltau(a, b).statistic)),
    "spearman": cache(lambda a, b: float(stats.spearmanr(a, b).statistic)),
    "rbo": cache(over_orders(tuple, rbo_of_orders)),
    "overlap": cache(over_orders(magnitude, common)),
    "sign_agreement": cache(over_orders(magnitude, common_with_sign)),
    "cosine": lambda a, b: sum(map(operator.mul, a, b)) / math.hypot(*a) / math.hypot(*b),
    "l1": lambda a, b: sum(abs(first - second) for first, second in zip(a, b, strict=True)),
}


def measure(name: str) -> Measure:
    return Measure(name, K, P)


def agree(name: str, a: npt.ArrayLike, b: npt.ArrayLike, k: int = K, persistence: float = P) -> float:
    """The agreement of two maps."""
    chosen, orders = Measure(name, k, persistence), np.arange(np.size(a))[None, None]
    return float(compare_maps(np.array([[a, b]], dtype=np.float64), chosen, orders).value[0, 0, 1])


def relabelled(values: Map, order: Sequence[int]) -> Map:
    return tuple(values[unit] for unit in order)


def test_every_measure_is_proven() -> None:
    assert set(BY_DEFINITION) == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_agreement_is_what_its_definition_says(name: str) -> None:
    maps = TIED + PLAIN
    found = compare_maps(np.array([maps]), measure(name), np.arange(5)[None, None]).value[0]
    for (row, a), (column, b) in itertools.product(enumerate(maps), enumerate(maps)):
        assert found[row, column] == pytest.approx(BY_DEFINITION[name](a, b), abs=1e-12), (a, b)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=30))
def test_rank_correlations_are_those_of_scipy(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(side, dtype=np.float64) for side in zip(*pairs, strict=True))
    constant = np.ptp(a) == 0 or np.ptp(b) == 0
    for name, of_scipy in (("kendall", stats.kendalltau), ("spearman", stats.spearmanr)):
        expected = math.nan if constant else of_scipy(a, b).statistic
        assert agree(name, a, b) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_rbo_of_a_hand_computed_example() -> None:
    """12345 against 23415 overlap in 0, 1, 2, 4, 5; Agarwal's implementation of the paper prints 0.828 for it."""
    a, b = (5.0, 4.0, 3.0, 2.0, 1.0), (2.0, 5.0, 4.0, 3.0, 1.0)
    by_hand = 0.1 * (0 / 1 + 0.9 * 1 / 2 + 0.9**2 * 2 / 3 + 0.9**3 + 0.9**4) + 0.9**5
    assert agree("rbo", a, b, persistence=0.9) == pytest.approx(by_hand)
    assert round(by_hand, 3) == 0.828


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9, 0.98])
def test_rbo_of_longer_rankings(p: float) -> None:
    rng = np.random.default_rng(3)
    a, b = (rng.permutation(40) for _ in range(2))
    assert agree("rbo", a, b, persistence=p) == pytest.approx(rbo_of_orders(np.argsort(-a), np.argsort(-b), p=p))
    assert agree("rbo", a, a, persistence=p) == pytest.approx(1)


def test_the_first_ten_ranks_carry_86_percent_of_rbo() -> None:
    """Webber et al. 2010, equation 21: what the agreement down to rank 10 weighs at p = 0.9."""
    p, d = 0.9, 10
    weight = 1 - p ** (d - 1) + (1 - p) / p * d * (math.log(1 / (1 - p)) - sum(p**i / i for i in range(1, d)))
    assert round(weight, 2) == 0.86


@pytest.mark.parametrize("name", KINDS)
def test_ties_are_left_to_chance_and_cost_agreement_with_oneself(name: str) -> None:
    """Nine of ten units tie: only tau-b and mid-ranks take a tie for knowledge."""
    lonely = (1.0, *[0.0] * 9)
    expected = {
        "kendall": 1.0,
        "spearman": 1.0,
        "overlap": (1 + 9 * (2 / 9) ** 2) / 3,
        "sign_agreement": 1 / 3,
        "cosine": 1.0,
        "l1": 0.0,
        "rbo": sum(0.1 * 0.9 ** (d - 1) * (1 + (d - 1) ** 2 / 9) / d for d in range(1, 11)) + 0.9**10,
    }
    assert agree(name, lonely, lonely, k=3, persistence=0.9) == pytest.approx(expected[name])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("a", "b"), [(TIED[0], TIED[1]), (TIED[2], PLAIN[1]), (PLAIN[0], PLAIN[1])])
def test_the_null_over_all_relabellings_is_exact(name: str, a: Map, b: Map) -> None:
    everything = list(itertools.permutations(range(5)))
    found = compare_maps(np.array([[a, b]]), measure(name), np.array(everything)[None])
    values = [BY_DEFINITION[name](a, relabelled(b, order)) for order in everything]
    center = fmean(values)
    reached = sum(abs(value - center) >= abs(values[0] - center) - 1e-9 for value in values)
    assert found.expected[0] == pytest.approx(found.expected[0].T)
    assert found.expected[0, 0, 1] == pytest.approx(center, abs=1e-12)
    assert found.p[0, 0, 1] == found.p[0, 1, 0] == pytest.approx((1 + reached) / (1 + len(everything)))


@pytest.mark.parametrize("name", KINDS)
def test_the_p_of_the_mean_is_exact(name: str) -> None:
    """All relabellings of four units, the same on three samples; the third map of two is undefined on the last."""
    everything = list(itertools.permutations(range(4)))
    rows = [[(3.0, 1.0, -2.0, 0.5), (1.0, 2.0, 0.0, 0.0)], [(1.0, -4.0, 2.0, 2.5), (0.0, 3.0, 1.0, 1.0)]]
    undefined = [(1.0, 1.0, 1.0, 1.0), (1.0, 2.0, 3.0, 4.0)]
    found = compare_maps(np.array([*rows, undefined]), measure(name), np.array(everything)[None])
    sums = [sum(BY_DEFINITION[name](a, relabelled(b, order)) for a, b in rows) for order in everything]
    center = fmean(sums)
    reached = sum(abs(value - center) >= abs(sums[0] - center) - 1e-9 for value in sums)
    assert found.p_of_mean[0, 1] == pytest.approx((1 + reached) / (1 + len(everything)))
    assert np.isnan(found.value[2, 0, 1])


@pytest.mark.parametrize("name", KINDS)
def test_drawn_relabellings_come_close_to_all(name: str) -> None:
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(1, 3, 5))
    everything = np.array(list(itertools.permutations(range(5))))[None]
    exact = compare_maps(maps, measure(name), everything).p
    drawn = compare_maps(maps, measure(name), relabellings(["a"], 5, 20_000)).p
    # Four standard errors of a share, and the observed agreement that both count as a draw.
    assert np.abs(drawn - exact).max() < 4 * 0.5 / math.sqrt(20_000) + 1 / 121
    assert (drawn == drawn.swapaxes(1, 2)).all()


@pytest.mark.parametrize("name", KINDS)
def test_each_pair_and_each_sample_is_for_itself(name: str) -> None:
    maps = np.random.default_rng(1).normal(size=(4, 5, 9))
    orders = relabellings(list("abcd"), 9, 50)
    whole = compare_maps(maps, measure(name), orders)
    part = compare_maps(maps[[2]][:, [4, 1]], measure(name), orders[[2]])
    for word in ("value", "expected", "p"):
        assert getattr(part, word)[0] == pytest.approx(getattr(whole, word)[2][np.ix_([4, 1], [4, 1])]), word


def test_relabellings_are_orders_from_streams_of_their_own() -> None:
    orders = relabellings(["a", "b"], 3, 6000)
    assert orders.shape == (2, 6000, 3)
    assert (np.sort(orders) == np.arange(3)).all()
    assert (relabellings(["b"], 3, 6000)[0] == orders[1]).all()
    assert (relabellings(["b"], 3, 6000, seed=1)[0] != orders[1]).any()
    counts = np.unique(orders[0], axis=0, return_counts=True)[1]
    assert stats.chisquare(counts).pvalue > 0.01
    assert len(counts) == 6


def test_a_map_that_is_the_same_on_every_sample_counts_once() -> None:
    """Unrelated maps, repeated on 20 samples: p is uniform if all samples are relabelled alike, and only then."""
    maps = np.repeat(np.random.default_rng(2).normal(size=(1, 30, 12)), 20, axis=0)
    pairs = np.triu_indices(30, 1)
    alike = compare_maps(maps, Measure("spearman"), relabellings(["all"], 12, 199)).p_of_mean[pairs]
    apart = compare_maps(maps, Measure("spearman"), relabellings([str(n) for n in range(20)], 12, 199)).p_of_mean[pairs]
    assert 0.02 < (alike <= 0.05).mean() < 0.08
    assert (apart <= 0.05).mean() > 0.5


def test_p_is_uniform_where_maps_have_nothing_in_common() -> None:
    maps = np.random.default_rng(4).normal(size=(10, 40, 12))
    found = compare_maps(maps, Measure("kendall"), relabellings(["all"], 12, 199)).p_of_mean[np.triu_indices(40, 1)]
    assert 0.03 < (found <= 0.05).mean() < 0.07
    assert 0.45 < (found <= 0.5).mean() < 0.55


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("bad", [(2.0,) * 4, (0.0,) * 4, (1.0, math.nan, 2.0, 3.0), (1.0, math.inf, 2.0, 3.0)])
def test_a_map_that_ranks_nothing_is_undefined_and_nobody_elses_matter(name: str, bad: Map) -> None:
    maps = np.array([[(1.0, 2.0, 3.0, 4.0), bad, (2.0, 1.0, 4.0, 3.0)]])
    found = compare_maps(maps, measure(name), relabellings(["a"], 4, 9))
    for values in (found.value[0], found.expected[0], found.p[0], found.p_of_mean):
        assert (np.isnan(values) == np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])).all()


@pytest.mark.parametrize("name", KINDS)
def test_maps_of_one_magnitude_rank_nothing_by_magnitude(name: str) -> None:
    assert math.isnan(agree(name, (1.0, -1.0, 1.0), (1.0, 2.0, 3.0))) == (Measure(name).reads == "magnitude")


@pytest.mark.parametrize("name", KINDS)
def test_one_unit_ranks_nothing(name: str) -> None:
    assert math.isnan(agree(name, (1.0,), (2.0,), k=1))


def test_the_top_is_a_quarter_of_the_units_unless_it_is_said() -> None:
    assert [Measure("overlap").top(units) for units in (1, 4, 5, 64)] == [1, 1, 2, 16]
    assert Measure("overlap", 7).top(8) == 7


def test_relevance_is_per_area() -> None:
    units = torch.tensor([[0, 0, 0, 1, 2, 2], [2, 1, 1, 0, 0, 1]])
    maps = torch.tensor([[1.0, 2, 3, 4, -8, 0], [1, 2, 3, 4, 5, 6]])
    expected = np.array([[2 / 4, 4 / 4, -4 / 4], [4.5 / 4.5, (11 / 3) / 4.5, 1 / 4.5]])
    assert unit_relevance(maps, units) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_units_that_differ_by_rounding_are_tied(scale: float) -> None:
    """A constant map in double precision: three times 0.1 is not 0.3."""
    units = torch.tensor([[0, 0, 0, 1, 2, 2, 2, 2, 2, 2]])
    values = unit_relevance(torch.full((1, 10), 0.1, dtype=torch.float64) * scale, units)
    assert np.ptp(values) == 0
    values = unit_relevance(torch.tensor([[0.1, 0.1, 0.1, 0.1, *[0.7] * 6]], dtype=torch.float64) * scale, units)
    assert values[0, 0] == values[0, 1] == pytest.approx(1 / 7)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_relevance_has_no_scale_and_keeps_what_is_small(scale: float) -> None:
    maps = torch.tensor([[1.0, 1e-30, 2e-30, -1e-30]], dtype=torch.float64)
    units = column_units(maps)
    assert unit_relevance(maps * scale, units) == pytest.approx(unit_relevance(maps, units), rel=1e-6)
    assert (stats.rankdata(unit_relevance(maps * scale, units)) == [4, 2, 3, 1]).all()


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda: Measure("kendal"), UnknownName, "unknown measure 'kendal': did you mean kendall?"),
        (lambda: Measure("overlp"), UnknownName, "did you mean overlap?"),
        (lambda: Measure("tau"), UnknownName, "known: kendall, spearman, rbo, overlap, sign_agreement, cosine, l1"),
        (lambda: Measure("rbo", persistence=1.0), ValueError, "persistence is 1.0; choose it between 0 and 1"),
        (lambda: agree("overlap", (1, 2, 3), (1, 2, 3), k=4), ValueError, "k is 4, but a sample has 3 units"),
        (lambda: agree("sign_agreement", (1, 2), (1, 2), k=0), ValueError, "k is 0, .* choose k from 1 to 2"),
        (lambda: relabellings(["a"], 3, 0), ValueError, "draws is 0"),
        (
            lambda: compare_maps(np.ones((2, 1, 3)), Measure(), relabellings(["a"], 3, 1)),
            ValueError,
            "two maps .* got 1",
        ),
        (
            lambda: unit_relevance(torch.ones(2, 3), torch.zeros(2, 4).long()),
            ValueError,
            r"shape \(2, 3\), units \(2, 4\)",
        ),
        (lambda: krippendorff_alpha(np.ones((1, 2, 3)), "nominal"), ValueError, "unknown level 'nominal'"),
    ],
)
def test_bad_input_is_one_line(wrong: Callable[[], object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        wrong()
    assert "\n" not in str(caught.value)


# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", example C: 4 observers, 12 units, values missing.
EXAMPLE = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


def floats(rows: Sequence[Sequence[float | None]]) -> Floats:
    return np.array(rows, dtype=np.float64)


@pytest.mark.parametrize(("level", "published"), [("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_published_example(level: Level, published: float) -> None:
    assert round(float(krippendorff_alpha(floats(EXAMPLE)[None], level)[0]), 3) == published


def alpha_of_coincidences(values: npt.NDArray[np.float64], level: Level) -> float:
    """Krippendorff 2011, section D: coincidences o, their margins n, differences delta; NaN where 0 / 0."""
    items = [[value for value in item if not math.isnan(value)] for item in values.T]
    items = [item for item in items if len(item) > 1]
    known = sorted({value for item in items for value in item})
    o = {(c, k): 0.0 for c in known for k in known}
    for item in items:
        for i, j in itertools.permutations(range(len(item)), 2):
            o[item[i], item[j]] += 1 / (len(item) - 1)
    margin = {c: sum(o[c, k] for k in known) for c in known}
    total = sum(margin.values())

    def delta(c: float, k: float) -> float:
        if level == "interval":
            return (c - k) ** 2
        low, high = min(c, k), max(c, k)
        return (sum(margin[g] for g in known if low <= g <= high) - (margin[c] + margin[k]) / 2) ** 2

    observed = sum(o[pair] * delta(*pair) for pair in o)
    expected = sum(margin[c] * margin[k] * delta(c, k) for c, k in o) / (total - 1) if total > 1 else 0
    return 1 - observed / expected if expected else math.nan


@pytest.mark.parametrize("level", ["ordinal", "interval"])
@given(st.data())
def test_alpha_is_what_its_definition_says(level: Level, data: st.DataObject) -> None:
    raters, items = data.draw(st.integers(2, 4)), data.draw(st.integers(1, 6))
    cell = st.one_of(st.none(), st.integers(-2, 3))
    batch = data.draw(
        st.lists(st.lists(cell, min_size=raters * items, max_size=raters * items), min_size=1, max_size=3)
    )
    values = floats(batch).reshape(len(batch), raters, items)
    expected = [alpha_of_coincidences(sample, level) for sample in values]
    assert krippendorff_alpha(values, level) == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_ordinal_alpha_reads_nothing_but_the_order() -> None:
    values = floats(EXAMPLE)[None]
    assert krippendorff_alpha(np.exp(3 * values), "ordinal") == pytest.approx(krippendorff_alpha(values, "ordinal"))


@pytest.mark.parametrize("level", ["ordinal", "interval"])
def test_alpha_is_undefined_where_nothing_differs_or_nothing_is_rated_twice(level: Level) -> None:
    nan = math.nan
    values = floats([[[0.1, 0.1, 0.1]] * 3, [[1, nan, nan], [nan, 2, nan], [nan, nan, 3]], [[nan] * 3] * 3])
    assert np.isnan(krippendorff_alpha(values, level)).all()
