"""Cases of several maps of one input."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import nan
from statistics import correlation

import torch
from torch import Tensor

from ...benchmark.checks import Case, Question, ask

Row = Sequence[float]
Score = Callable[[Tensor], Tensor]


def total(x: Tensor) -> Tensor:
    """The sum of a row: each element is worth its value."""
    return x.sum(1)


def every(x: Tensor) -> Tensor:
    """A Boolean: 1 where the first three elements are all there."""
    return x[:, :3].prod(1)


def any_of(x: Tensor) -> Tensor:
    """A Boolean: 1 where one of the first three elements is there."""
    return x[:, :3].amax(1)


def blind(x: Tensor) -> Tensor:
    """The same for every input."""
    return torch.ones_like(x[:, 0])


def asked_about(
    score: Score, x: Row, count: int, units: Sequence[int] | None = None, readout: str = "logit"
) -> Question:
    """Ask for the score of so many samples that are all the row `x`."""
    rows = torch.tensor([x], dtype=torch.float64).expand(count, -1)
    return ask(score, rows, units=None if units is None else torch.tensor(units), readout=readout)


def judged(
    question: Question, maps: Sequence[Row], settings: Mapping[str, object] | None = None, /, **scores: Row
) -> Case:
    """Say which scores maps must get, one per sample."""
    expected = {name: torch.tensor(values, dtype=torch.float64) for name, values in scores.items()}
    return Case(question, torch.tensor(maps, dtype=torch.float64), expected, settings or {})


def without(score: Score, x: Row, hidden: Sequence[int]) -> float:
    """Return the score of a row with zeros in some places."""
    left = [0.0 if place in hidden else value for place, value in enumerate(x)]
    return float(score(torch.tensor([left], dtype=torch.float64))[0])


def subsets(score: Score, x: Row, relevance: Row, size: int) -> tuple[list[float], list[float]]:
    """Return the sum of relevance in every subset of a size, and the fall of the score without it."""
    chosen = list(combinations(range(len(x)), size))
    whole = without(score, x, ())
    return [sum(relevance[i] for i in each) for each in chosen], [whole - without(score, x, each) for each in chosen]


def pearson(left: Row, right: Row) -> float:
    """Return Pearson's correlation, NaN where it is undefined."""
    return nan if len(set(left)) == 1 or len(set(right)) == 1 else correlation(left, right)


def spearman(left: Row, right: Row) -> float:
    """Return Spearman's correlation, NaN where it is undefined."""
    return pearson(_ranks(left), _ranks(right))


def _ranks(values: Row) -> list[float]:
    return [sum(v < value for v in values) + (sum(v == value for v in values) + 1) / 2 for value in values]
