"""Proofs of the metrics that multiply an input by its map."""

from collections.abc import Callable
from dataclasses import replace
from math import exp, nan

import torch
from torch import Tensor

from ...benchmark.checks import Case, ask, oracle
from ._maps import Row, asked_about, judged, pearson, total

THREE = [2.0, 3.0, 5.0]
SIZES = (1e-12, 1.0, 1e12)


def _opposed(x: Tensor) -> Tensor:
    """The second column speaks against the rest."""
    return x[:, 0] - x[:, 1] + x[:, 2]


@oracle("average_drop")
def drop_of_a_sum_is_what_the_map_takes_away() -> Case:
    """Of 2 + 3 + 5 a map of 1, 1/2, 0 leaves 2 + 1.5: it drops by 65 %, at any size; what is negative counts as 0."""
    maps = [[size * value for value in (1.0, 0.5, 0.0)] for size in SIZES] + [[1.0, 0.5, -7.0]]
    expected = {"average_drop": [0.65] * 4, "average_increase": [0.0] * 4, "average_gain": [nan] * 4}
    return judged(asked_about(total, THREE, 4), maps, **expected)


@oracle("average_drop")
def drop_of_opposing_columns_by_hand() -> Case:
    """2 - 3 + 5: without the second column the score rises, with it alone it falls below nothing."""
    maps = [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [2.0, 1.0, 0.0]]
    expected = {"average_drop": [0.0, 7 / 4, 3.5 / 4], "average_increase": [1.0, 0.0, 0.0]}
    return judged(asked_about(_opposed, THREE, 3), maps, **expected)


@oracle("average_drop")
def gain_of_a_logit_is_undefined() -> Case:
    """A logit of 0.5 rises to 1.5 without its second column: it has no upper end that the rise could be a share of."""
    question = asked_about(_opposed, [1.0, 1.0, 0.5], 1)
    return judged(question, [[1.0, 0.0, 1.0]], average_gain=[nan], average_increase=[1.0], average_drop=[0.0])


@oracle("average_drop")
def drop_to_a_baseline_that_is_not_zero() -> Case:
    """From a baseline of ones the map 1, 1/2, 0 leaves 2 + 2 + 1 of 2 + 3 + 5."""
    x = torch.tensor([THREE], dtype=torch.float64)
    return judged(ask(total, x, baseline=torch.ones(1, 3)), [[1.0, 0.5, 0.0]], average_drop=[0.5])


@oracle("average_drop")
def drop_of_a_constant_map_is_perfect() -> Case:
    """A constant map hides nothing, whatever its size: no drop, and no increase."""
    maps = [[size] * 3 for size in SIZES]
    return judged(asked_about(total, THREE, 3), maps, average_drop=[0.0] * 3, average_increase=[0.0] * 3)


@oracle("average_drop", habit=True)
def drop_of_a_map_without_positive_relevance_is_undefined() -> Case:
    """Zero and negative maps are no masks; the sample beside them keeps its score."""
    expected = {"average_drop": [nan, nan, 0.65], "average_increase": [nan, nan, 0.0]}
    maps = [[0.0, 0.0, 0.0], [-1.0, -2.0, 0.0], [1.0, 0.5, 0.0]]
    return judged(asked_about(total, THREE, 3), maps, **expected)


@oracle("average_drop", habit=True)
def drop_of_what_is_not_positive_is_undefined() -> Case:
    """A share of nothing, or of less, is none; whether the score rises is known all the same."""
    x = torch.tensor([[1.0, 1.0, 0.0], [1.0, 2.0, 0.0]], dtype=torch.float64)
    maps = [[1.0, 0.5, 0.0]] * 2
    return judged(ask(_opposed, x), maps, average_drop=[nan, nan], average_increase=[1.0, 1.0])


def _sigmoid(value: float) -> float:
    return 1 / (1 + exp(-value))


@oracle("average_drop")
def gain_of_a_probability_is_relative_to_what_is_missing() -> Case:
    """A logit of 4 becomes 7, 0.5, or stays; where nothing is missing to certainty there is nothing to gain."""
    x = torch.tensor([THREE, THREE, THREE, [1000.0, 0.0, 0.0]], dtype=torch.float64)
    maps = [[1.0, 0.0, 1.0], [1.0, 0.5, 0.0], [3.0, 3.0, 3.0], [1.0, 0.5, 0.5]]
    full, up, down = _sigmoid(4), _sigmoid(7), _sigmoid(0.5)
    expected = {
        "average_gain": [(up - full) / (1 - full), 0.0, 0.0, nan],
        "average_drop": [0.0, (full - down) / full, 0.0, 0.0],
        "average_increase": [1.0, 0.0, 0.0, 0.0],
    }
    return judged(ask(_opposed, x, readout="probability"), maps, **expected)


def itself(x: Tensor) -> Tensor:
    """A map that is the input."""
    return x


def fixed(x: Tensor) -> Tensor:
    """A map that rises from left to right, whatever the input."""
    return torch.arange(1.0, 1.0 + x.shape[1]).expand(len(x), -1)


def _coherent(first: Row, second: Row, complexity: float, drop: float) -> dict[str, list[float]]:
    """Return the three scores of one map, the harmonic mean written out."""
    coherency = (1 + pearson(first, second)) / 2
    mean = 3 / (1 / coherency + 1 / (1 - complexity) + 1 / (1 - drop))
    return {"adcc": [mean], "coherency": [coherency], "map_complexity": [complexity]}


def _again(case: Case, method: Callable[[Tensor], Tensor]) -> Case:
    """Return a case whose maps are explained again by a method."""
    return replace(case, method=method)


@oracle("adcc")
def adcc_of_the_input_as_its_own_map() -> Case:
    """The map 2, 3, 5 of itself: masked, it is 4, 9, 25 fifths, which is then its map, and leaves 38/5 of 10."""
    expected = _coherent(THREE, [4.0, 9.0, 25.0], 10 / 15, 1 - 38 / 50)
    return _again(judged(asked_about(total, THREE, 1), [THREE], **expected), itself)


@oracle("adcc")
def adcc_of_a_map_that_ignores_the_input_is_coherent() -> Case:
    """The same map again has a coherency of 1, which proves nothing; the mean of 1/3, 2/3, 1 is its complexity."""
    expected = _coherent([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 2 / 3, 1 - (2 / 3 + 2 + 5) / 10)
    return _again(judged(asked_about(total, THREE, 1), [[1.0, 2.0, 3.0]], **expected), fixed)


@oracle("adcc")
def adcc_does_not_depend_on_the_size_of_a_map() -> Case:
    """Maps of any size, rectified, against one that rises."""
    maps = [[-size, 0.0, size] for size in SIZES]
    one = _coherent([0.0, 0.0, 1.0], [1.0, 2.0, 3.0], 1 / 3, 0.5)
    return _again(judged(asked_about(total, THREE, 3), maps, **{key: value * 3 for key, value in one.items()}), fixed)


def lowered(x: Tensor) -> Tensor:
    """A map that is the input, two lower."""
    return x - 2


@oracle("adcc")
def adcc_compares_positive_parts() -> Case:
    """The map 0, 1, 3 of 2, 3, 5 leaves 0, 1, 5, whose map is -2, -1, 3: what is negative counts as 0."""
    expected = _coherent([0.0, 1.0, 3.0], [0.0, 0.0, 3.0], 4 / 9, 0.4)
    return _again(judged(asked_about(total, THREE, 1), [[0.0, 1.0, 3.0]], **expected), lowered)


@oracle("adcc")
def adcc_of_no_coherency_is_zero() -> Case:
    """A map that turns round when it is asked again has no coherency."""
    expected = {"adcc": [0.0], "coherency": [0.0], "map_complexity": [2 / 3]}
    return _again(judged(asked_about(total, THREE, 1), [[3.0, 2.0, 1.0]], **expected), fixed)


@oracle("adcc")
def adcc_of_a_drop_by_more_than_all_is_zero() -> Case:
    """Of 2 - 3 + 5 the map 0, 1, 1/5 leaves -2, which is less than nothing."""
    relevance = [0.0, 5.0, 1.0]
    expected = {"adcc": [0.0], "coherency": [(1 + pearson(relevance, [1.0, 2.0, 3.0])) / 2], "map_complexity": [0.4]}
    return _again(judged(asked_about(_opposed, THREE, 1), [relevance], **expected), fixed)


@oracle("adcc")
def adcc_of_a_constant_or_zero_map_is_undefined() -> Case:
    """A constant map correlates with nothing and is as complex as can be; a zero map has no complexity either."""
    expected = {"adcc": [nan, nan], "coherency": [nan, nan], "map_complexity": [1.0, nan]}
    return _again(judged(asked_about(total, THREE, 2), [[4.0] * 3, [0.0] * 3], **expected), fixed)


@oracle("adcc")
def adcc_of_a_score_that_is_not_positive_is_undefined() -> Case:
    """There is no share of nothing to lose, so no mean; the map itself can be judged."""
    question = asked_about(_opposed, [1.0, 1.0, 0.0], 1)
    expected = {"adcc": [nan], "coherency": [1.0], "map_complexity": [2 / 3]}
    return _again(judged(question, [[1.0, 2.0, 3.0]], **expected), fixed)
