"""Proofs of the checks on parts, on rows whose parts are columns that are really taken away."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
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
    """The rest of the scene stays, however relevant: it alone carries the prediction, and the parts add nothing."""
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
def part_checks_of_weighted_sums_by_brute_force() -> Case:
    """Some columns belong to no part, and rows have different numbers of true parts."""
    source = torch.Generator().manual_seed(91)
    rows = (0.2 + torch.rand(5, 6, generator=source)).double().tolist()
    maps = torch.randn(5, 6, generator=source).double().tolist()
    question = _scenes(lambda x: x @ torch.tensor(WEIGHTS, dtype=torch.float64), rows, TRUE, LABELS)

    def score(row: list[float], labels: list[int], own: set[int], kept: set[int]) -> float:
        shown = [label not in own or label in kept for label in labels]
        return sum(weight * value for weight, value, there in zip(WEIGHTS, row, shown, strict=True) if there)

    judged = []
    for row, relevance, labels, true in zip(rows, maps, LABELS, TRUE, strict=True):
        parts = {part for part, own in enumerate(true) if own}
        sums = {part: sum(r for r, label in zip(relevance, labels, strict=True) if label == part) for part in parts}
        judged.append(_judged(partial(score, row, labels, parts), sums))
    return _checks(question, maps, *zip(*judged, strict=True))


@oracle("part_checks")
def part_checks_of_any_games_by_brute_force() -> Case:
    """Every choice of four parts has a score by chance: more can be worse, and a fifth column tells the game."""
    source = torch.Generator().manual_seed(92)
    games, maps = torch.randn(24, 16, generator=source).double(), torch.randn(24, 5, generator=source).double()
    games[:, 15] += 1
    rows = [[1, 1, 1, 1, number] for number in range(len(games))]

    def played(x: Tensor) -> Tensor:
        return games[x[:, 4].long(), (x[:, :4] * torch.tensor([1, 2, 4, 8])).sum(1).long()]

    question = _scenes(played, rows, [[1] * 4] * len(games), [[0, 1, 2, 3, -1]] * len(games))

    def score(game: list[float], kept: set[int]) -> float:
        return game[sum(1 << part for part in kept)]

    judged = [
        _judged(partial(score, game), dict(enumerate(relevance[:4])))
        for game, relevance in zip(games.tolist(), maps.tolist(), strict=True)
    ]
    return _checks(question, maps.tolist(), *zip(*judged, strict=True))


def _judged(score: Callable[[set[int]], float], relevance: dict[int, float]) -> tuple[float, float, float]:
    """Check a game of some parts with lists and sets."""
    order = sorted(relevance, key=lambda part: -relevance[part])
    parts, none = set(order), score(set())
    if score(parts) <= 0:
        return nan, nan, nan
    choices = [set(some) for size in range(len(order) + 1) for some in combinations(order, size)]
    enough = [kept for kept in choices if score(kept) - none >= 0.9 * (score(parts) - none)]
    minimal = [kept for kept in enough if not any(less < kept for less in enough)]
    tops = [set(order[:k]) for k in range(1, len(order))]
    found = [max(len(kept & top) / len(kept) for kept in minimal) if score(parts) > none else nan for top in tops]
    preserved, deleted = [score(top) > 0 for top in tops], [score(parts - top) <= 0 for top in tops]
    return sum(found) / len(tops), sum(preserved) / len(tops), sum(deleted) / len(tops)
