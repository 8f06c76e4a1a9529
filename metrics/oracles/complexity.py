"""Proofs of the metrics of complexity."""

from collections.abc import Callable, Sequence
from math import log, nan

import torch

from ...benchmark.checks import Case, ask, oracle

Rows = Sequence[Sequence[float]]
SIZES = (1e-12, 1.0, -3.0, 1e12)
NINE = (1, 2, 3, 4, 6, 9)
"""The numbers of elements, of nine, that share all relevance alike."""


def _case(maps: Rows, settings: dict[str, object] | None = None, /, **expected: Sequence[float]) -> Case:
    attribution = torch.tensor(maps, dtype=torch.float64)
    scores = {name: torch.tensor(values, dtype=torch.float64) for name, values in expected.items()}
    return Case(ask(lambda x: x.sum(1), torch.zeros(attribution.shape)), attribution, scores, settings or {})


def _brute(name: str, seed: int, judged: Callable[[list[float]], float]) -> Case:
    """Draw maps, with ties and zeros, and judge each by itself."""
    maps = torch.randint(-3, 4, (20, 7), generator=torch.Generator().manual_seed(seed)).double().tolist()
    return _case(maps, **{name: [judged([abs(value) for value in row]) for row in maps]})


def _spread_over(count: int) -> list[float]:
    """Put relevance, in turn positive and negative, on the first of nine elements alike."""
    return [(-1.0) ** place if place < count else 0.0 for place in range(9)]


@oracle("sparseness")
def sparseness_of_equal_shares_is_what_they_leave() -> Case:
    """Where k of nine elements share all relevance alike, the Gini index is 1 - k/9: 8/9 for one, 0 for all."""
    return _case([_spread_over(k) for k in NINE], sparseness=[1 - k / 9 for k in NINE])


@oracle("sparseness")
def sparseness_of_a_ramp_is_nearly_a_third() -> Case:
    """The Gini index of 1 to n, in any order and of any sign, is (n - 1) / 3n: 1/3 for a uniform distribution."""
    ramp = [3.0, -1.0, 5.0, 2.0, -4.0]
    return _case([[size * value for value in ramp] for size in SIZES], sparseness=[4 / 15] * 4)


@oracle("sparseness", habit=True)
def sparseness_of_a_zero_map_is_undefined_and_of_a_single_element_is_zero() -> Case:
    """No relevance is on anything; a single element has no other to differ from."""
    return _case([[0.0], [2.0], [-1e-30]], sparseness=[nan, 0.0, 0.0])


@oracle("sparseness")
def sparseness_is_half_the_mean_difference_of_all_pairs() -> Case:
    """The textbook's Gini index: the mean absolute difference of all pairs, relative to twice the mean."""

    def judged(size: list[float]) -> float:
        pairs = sum(abs(a - b) for a in size for b in size)
        return pairs / (2 * len(size) * sum(size)) if any(size) else nan

    return _brute("sparseness", 91, judged)


@oracle("entropy")
def entropy_of_equal_shares_is_the_logarithm_of_their_number() -> Case:
    """Where k of nine elements share all relevance alike, it is log k / log 9: 0 for one, 1/2 for three, 1 for all."""
    return _case([_spread_over(k) for k in NINE], entropy=[log(k) / log(9) for k in NINE])


@oracle("entropy")
def entropy_of_halves_and_halves_again() -> Case:
    """Shares of 1/2, 1/4, 1/8 and 1/8 have 7/4 of two bits, at any size and of any sign."""
    shares = [1.0, -4.0, 2.0, -1.0]
    return _case([[size * value for value in shares] for size in SIZES], entropy=[7 / 8] * 4)


@oracle("entropy")
def entropy_of_a_constant_map_is_one_at_any_resolution() -> Case:
    """Undivided, the entropy of a constant map would be log 4096: it would grow with the picture."""
    return _case([[size] * 4096 for size in SIZES], entropy=[1.0] * 4)


@oracle("entropy", habit=True)
def entropy_of_a_zero_map_is_undefined() -> Case:
    """No relevance has no shares; those beside it have theirs."""
    return _case([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], entropy=[nan, 0.0, 1.0])


@oracle("entropy", habit=True)
def entropy_of_a_single_element_is_undefined() -> Case:
    """All on one and all alike are the same map there, and cannot be 0 and 1."""
    return _case([[2.0], [0.0]], entropy=[nan, nan])


@oracle("entropy")
def entropy_is_the_sum_over_shares() -> Case:
    """Each share times its own logarithm, added up in a loop."""

    def judged(size: list[float]) -> float:
        shares = [value / sum(size) for value in size if value]
        return -sum(share * log(share) for share in shares) / log(len(size)) if shares else nan

    return _brute("entropy", 92, judged)


@oracle("effective_complexity")
def effective_complexity_of_equal_shares_is_their_number() -> Case:
    """Where k of nine elements share all relevance alike, k/9 count."""
    return _case([_spread_over(k) for k in NINE], effective_complexity=[k / 9 for k in NINE])


@oracle("effective_complexity")
def effective_complexity_is_relative_to_the_maps_own_largest() -> Case:
    """Next to maps 1e24 times as large, the same two of four elements are above a hundredth of the largest."""
    row = [1.0, 0.02, -0.009, 0.0]
    return _case([[size * value for value in row] for size in SIZES], effective_complexity=[1 / 2] * 4)


@oracle("effective_complexity")
def effective_complexity_counts_what_is_more_than_epsilon() -> Case:
    """With an epsilon of 1/2 the half of the largest does not count, and anything above it does."""
    maps = [[4.0, 2.0, -2.0, 0.0], [-4.0, 2.5, -2.0, 3.0]]
    return _case(maps, {"epsilon": 0.5}, effective_complexity=[1 / 4, 3 / 4])


@oracle("effective_complexity")
def effective_complexity_with_no_epsilon_counts_what_is_not_zero() -> Case:
    """An epsilon of 0 leaves out the zeros alone."""
    maps = [[1.0, 1e-9, -1e-30, 0.0], [0.0, 0.0, -5.0, 0.0]]
    return _case(maps, {"epsilon": 0.0}, effective_complexity=[3 / 4, 1 / 4])


@oracle("effective_complexity", habit=True)
def effective_complexity_of_a_zero_map_is_undefined_and_of_a_single_element_is_one() -> Case:
    """A map without a largest magnitude has no share above it."""
    return _case([[0.0], [2.0], [-1e-30]], effective_complexity=[nan, 1.0, 1.0])


@oracle("effective_complexity")
def effective_complexity_of_a_constant_map_is_one_at_any_resolution() -> Case:
    """The paper's number of elements would be the number of pixels."""
    return _case([[size] * 4096 for size in SIZES], effective_complexity=[1.0] * 4)
