"""Proofs of the checks on parts, on rows whose parts are columns that are really taken away."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from math import nan

import torch
from torch import Tensor

from ...benchmark import Truth
from ...benchmark.checks import Case, Question, ask, oracle

Rows = Sequence[Sequence[float]]
Labels = Sequence[Sequence[int]]


def _scenes(function: Callable[[Tensor], Tensor], x: Rows, true: Labels, parts: Labels | None = None) -> Question:
    """Ask about rows that can be made again without some of their columns: zeros stand where they were."""
    rows, mask = torch.tensor(x, dtype=torch.float64), torch.tensor(true, dtype=torch.bool)
    own = torch.arange(rows.shape[1]).expand(rows.shape) if parts is None else torch.tensor(parts)
    question = ask(function, rows, truth=Truth(own, mask))
    by_name = dict(zip(question.batch.ids, rows, strict=True))

    def redraw(ids: tuple[str, ...], kept: Tensor) -> Tensor:
        return torch.stack([by_name[name] for name in ids]) * kept

    return replace(question, batch=replace(question.batch, redraw=redraw))


def _checks(
    question: Question, maps: Rows, found: Sequence[float], preserved: Sequence[float], deleted: Sequence[float]
) -> Case:
    expected = {
        "controlled_synthetic_data_check": torch.tensor(found),
        "preservation_check": torch.tensor(preserved),
        "deletion_check": torch.tensor(deleted),
    }
    return Case(question, torch.tensor(maps, dtype=torch.float64), expected)


FIRST, LAST = [3.0, 2.0, 1.0], [1.0, 2.0, 3.0]
THREE = [[1, 1, 1]] * 2


@oracle("part_checks")
def part_checks_of_a_conjunction() -> Case:
    """Two of three parts are needed together: the first one alone is half of them, and without it all is lost."""
    question = _scenes(lambda x: x[:, :2].amin(1) - 0.5, THREE, THREE)
    return _checks(question, [FIRST, LAST], [(1 / 2 + 1) / 2, (0 + 1 / 2) / 2], [1 / 2, 0], [1, 1 / 2])


@oracle("part_checks")
def part_checks_of_a_disjunction() -> Case:
    """Each of two parts is enough: to take away one is not to take away both."""
    question = _scenes(lambda x: x[:, :2].amax(1) - 0.5, THREE, THREE)
    return _checks(question, [[3, 1, 2], FIRST], [1, 1], [1, 1], [0, 1 / 2])


@oracle("part_checks")
def part_checks_of_a_parity() -> Case:
    """An odd number of parts is enough: more can be worse, and of three parts the single ones are minimal."""
    question = _scenes(lambda x: x.sum(1) % 2 - 0.5, THREE, THREE)
    return _checks(question, [FIRST, LAST], [1, 1], [1 / 2] * 2, [1 / 2] * 2)


@oracle("part_checks")
def part_checks_of_tied_parts_that_count_alike() -> Case:
    """Any two of three parts carry the majority, in any order, but leave a third of the score: all are needed."""
    question = _scenes(lambda x: x.sum(1) - 1.5, THREE, THREE)
    return _checks(question, [[1, 1, 1], [0, 0, 0]], [(1 / 3 + 2 / 3) / 2] * 2, [1 / 2] * 2, [1 / 2] * 2)


@oracle("part_checks")
def part_checks_of_what_is_enough() -> Case:
    """Where 60 % of what all parts add will do, two of three will."""
    case = part_checks_of_tied_parts_that_count_alike()
    expected = {"controlled_synthetic_data_check": torch.tensor([(1 / 2 + 1) / 2] * 2)}
    return replace(case, expected=expected, settings={"sufficient": 0.6})


@oracle("part_checks")
def part_checks_leave_the_rest_of_the_scene() -> Case:
    """What is not a true part stays, however relevant: it alone carries the prediction, and the parts add nothing."""
    question = _scenes(lambda x: x[:, 2] - 0.5, THREE, [[1, 1, 0]] * 2)
    return _checks(question, [FIRST, LAST], [nan, nan], [1, 1], [0, 0])


@oracle("part_checks")
def part_checks_are_undefined_without_a_prediction_or_a_choice() -> Case:
    """The target is not predicted; there is no true part; there is one, and nothing between none and all."""
    question = _scenes(lambda x: x.sum(1) - 0.5, [[0] * 3, [1] * 3, [1] * 3], [[1, 1, 1], [0, 0, 0], [0, 1, 0]])
    return _checks(question, [FIRST] * 3, *[[nan] * 3] * 3)


WEIGHTS = (3.0, -1.0, 2.0, 0.5, 1.5, -0.25)
LABELS = [[0, 1, 2, 3, 0, 1], [3, 0, 1, 2, -1, 3], [2, 2, 0, 1, 3, -1], [0, 1, 1, 2, 3, 3], [1, 1, 2, 0, 3, 3]]
TRUE = [[1, 1, 1, 1], [1, 1, 1, 0], [0, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 1]]


@oracle("part_checks")
def part_checks_by_brute_force() -> Case:
    """Weighted sums of columns, some of which belong to no part, and different numbers of true parts."""
    source = torch.Generator().manual_seed(91)
    rows = (0.2 + torch.rand(5, 6, generator=source)).double().tolist()
    maps = torch.randn(5, 6, generator=source).double().tolist()
    question = _scenes(lambda x: x @ torch.tensor(WEIGHTS, dtype=torch.float64), rows, TRUE, LABELS)
    judged = [_judged(*sample) for sample in zip(rows, maps, LABELS, TRUE, strict=True)]
    return _checks(question, maps, *zip(*judged, strict=True))


def _judged(
    row: list[float], relevance: list[float], labels: Sequence[int], true: Sequence[int]
) -> tuple[float, float, float]:
    """Check one row with lists and sets; the whole row is predicted, and its parts add something."""
    parts = {part for part, own in enumerate(true) if own}

    def score(kept: set[int]) -> float:
        shown = [label not in parts or label in kept for label in labels]
        return sum(weight * value for weight, value, there in zip(WEIGHTS, row, shown, strict=True) if there)

    importance = {part: sum(r for r, label in zip(relevance, labels, strict=True) if label == part) for part in parts}
    order = sorted(parts, key=lambda part: -importance[part])
    enough = [kept for kept in _choices(parts) if score(kept) - score(set()) >= 0.9 * (score(parts) - score(set()))]
    minimal = [kept for kept in enough if not any(less < kept for less in enough)]
    tops = [set(order[:k]) for k in range(1, len(order))]
    found = [max(len(kept & top) / len(kept) for kept in minimal) for top in tops]
    preserved = [score(top) > 0 for top in tops]
    deleted = [score(parts - top) <= 0 for top in tops]
    return sum(found) / len(tops), sum(preserved) / len(tops), sum(deleted) / len(tops)


def _choices(parts: set[int]) -> Iterator[set[int]]:
    for size in range(len(parts) + 1):
        yield from map(set, combinations(parts, size))
