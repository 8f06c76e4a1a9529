"""Proofs of the protocols that compare the relevance of parts with the effects of taking them away."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import nan

import torch
from torch import Tensor

from ...benchmark import Truth
from ...benchmark.checks import Case, ask, oracle
from . import _methods as by

Rows = Sequence[Sequence[float]]
Labels = Sequence[Sequence[int]]


def _effects(effect: Rows, maps: Rows, parts: Labels | None = None, /, **expected: Sequence[float]) -> Case:
    """Ask about maps of four columns, or of these parts."""
    effects = torch.tensor(effect, dtype=torch.float64)
    own = torch.arange(4).expand(len(maps), 4) if parts is None else torch.tensor(parts)
    truth = Truth(own, impossible=effects == 0, effect=effects)
    question = ask(lambda x: x.sum(1), torch.ones(own.shape).double(), truth=truth)
    return Case(question, torch.tensor(maps).double(), {name: torch.tensor(each) for name, each in expected.items()})


IDLE = [[1.0, 0.04, -0.5, 0.0]] * 3
MIXED = [[4.0, 2.0, 3.0, -1.0], [-0.5, 1.0, 0.0, -0.25], [0.0, 0.0, -2.0, 0.0]]


@oracle("distractibility")
def distractibility_is_a_mean_over_all_thresholds() -> Case:
    """For each of a thousand thresholds, the share of the second and the fourth part that does not exceed it."""
    thresholds = [(i + 0.5) / 1000 for i in range(1000)]

    def without(row: list[float]) -> float:
        levels = [abs(row[part]) / max(map(abs, row)) for part in (1, 3)]
        return sum(level <= threshold for threshold in thresholds for level in levels) / (2 * len(thresholds))

    return _effects(IDLE, MIXED, distractibility=[without(row) for row in MIXED])


@oracle("distractibility")
def distractibility_of_the_truth_and_of_a_constant_map() -> Case:
    """No relevance where there is no effect is perfect; as much as anywhere is worst, whatever its sign."""
    maps = [[2.0, 0.0, 1.0, 0.0], [1.0] * 4, [0.5, -0.5, 0.5, -0.5]]
    return _effects(IDLE, maps, distractibility=[1, 0, 0])


@oracle("distractibility")
def distractibility_asks_about_what_is_shown() -> Case:
    """The fourth part is not in the picture: that it has no relevance is no merit. Pixels of no part do not count."""
    shown = [[0, 1, 2, 2, -1], [0, 1, 1, 3, -1]]
    maps = [[4, 1, 1, 1, 9], [4, 1, 1, 1, 9]]
    return _effects([IDLE[0]] * 2, maps, shown, distractibility=[3 / 4, 1 - (2 / 4 + 1 / 4) / 2])


@oracle("distractibility")
def distractibility_reads_the_sum_over_a_part() -> Case:
    """Relevance that cancels within a part is none."""
    return _effects([IDLE[0]], [[2, 3, -3, 1, -1]], [[0, 1, 1, 2, 3]], distractibility=[1 - (0 + 1 / 2) / 2])


@oracle("distractibility")
def distractibility_has_a_tolerance() -> Case:
    """With a tolerance of a tenth of a percent, an effect of 4 % is one."""
    case = _effects(IDLE, MIXED, distractibility=[1 - 1 / 4, 1 - 1 / 4, 1])
    return replace(case, settings={"tolerance": 0.001})


@oracle("distractibility")
def distractibility_is_undefined_without_idle_parts_or_relevance() -> Case:
    """Everything counts; nothing does, not even to compare with; the map is zero."""
    effects = [[1.0, 2.0, -1.0, 0.5], [0.0] * 4, IDLE[0]]
    return _effects(effects, [*MIXED[:2], [0.0] * 4], distractibility=[nan] * 3)


@oracle("background_independence")
def background_independence_of_known_levels() -> Case:
    """The fourth part alone is impossible, with 1/4 of the largest magnitude, or none of it."""
    return _effects(IDLE, MIXED, background_independence=[3 / 4, 3 / 4, 1])


@oracle("background_independence")
def background_independence_is_a_mean_over_things() -> Case:
    """Two impossible parts have all and half of the largest magnitude; one that is not shown does not count."""
    effects = [[0.0, 1.0, 0.0, 0.5], [0.0, 1.0, 0.0, 0.5]]
    shown = [[0, 0, 1, 2, 3], [1, 1, 2, 3, 3]]
    maps = [[-2, -2, 1, 2, 0], [1, 3, 1, 0, 0]]
    return _effects(effects, maps, shown, background_independence=[1 - (1 + 1 / 2) / 2, 3 / 4])


@oracle("background_independence")
def background_independence_of_a_constant_map_is_worst() -> Case:
    """As much as anywhere, of any size."""
    maps = [[1e-9] * 4, [1.0] * 4, [-1e9] * 4]
    return _effects(IDLE, maps, background_independence=[0, 0, 0])


@oracle("background_independence")
def background_independence_is_undefined_without_background_or_relevance() -> Case:
    """Nothing is impossible; the map is zero."""
    effects = [[1.0, 2.0, -1.0, 0.5], IDLE[0]]
    return _effects(effects, [MIXED[0], [0.0] * 4], background_independence=[nan, nan])


def _asked(maps: Rows, method: Callable[..., Tensor], expected: Sequence[float], parts: Labels | None = None) -> Case:
    """Ask about class 0, of slopes 1, 3, 5, 1, and its rival, of slopes 5, 3, 1, -1, on rows of ones.

    Both are 6 long, and differ by -4, 0, 4 and 2.
    """
    slopes, count = torch.tensor(SLOPES, dtype=torch.float64), len(maps)
    own = torch.arange(4).expand(count, 4) if parts is None else torch.tensor(parts)
    effect, other = (each.expand(count, 4) for each in slopes)
    truth = Truth(own, effect=effect, rival=torch.ones(count, dtype=torch.int64), rival_effect=other)
    question = ask(lambda x: x @ slopes.T, torch.ones(count, 4).double(), truth=truth)
    return Case(question, torch.tensor(maps).double(), {"target_sensitivity": torch.tensor(expected)}, method=method)


SLOPES = [1.0, 3.0, 5.0, 1.0], [5.0, 3.0, 1.0, -1.0]


@oracle("target_sensitivity")
def target_sensitivity_of_the_truth() -> Case:
    """The gradient is the effect on either target, however loud."""
    return _asked([[1, 3, 5, 1], [1e-9, 3e-9, 5e-9, 1e-9], [1e9, 3e9, 5e9, 1e9]], by.times_input, [1, 1, 1])


@oracle("target_sensitivity")
def target_sensitivity_of_the_opposite() -> Case:
    """Each part leads to the wrong side."""
    return _asked([[-1, -3, -5, -1]], by.reversed_gradient, [0])


@oracle("target_sensitivity")
def target_sensitivity_weighs_parts_by_how_far_their_effects_differ() -> Case:
    """Beside the rival's 5, 3, 1, -1 these maps, 6 long, too, are right on the last part, on the outer two, on all."""
    return _asked([[6, 0, 0, 0], [0, 0, 0, 6], [0, 0, 6, 0]], by.gradient, [2 / 10, 6 / 10, 1])


@oracle("target_sensitivity")
def target_sensitivity_of_a_tie_is_half_right() -> Case:
    """The first and the third part have what they have for the rival; then the last one."""
    return _asked([[5, 1, 1, 3], [1, 3, 5, -1]], by.gradient, [(2 + 2 + 2) / 10, (4 + 4 + 1) / 10])


@oracle("target_sensitivity")
def target_sensitivity_of_a_map_that_ignores_the_target() -> Case:
    """Half, whatever the map and its size."""
    return _asked([[1, 1, 1, 1], [3, 3, 3, 3]], by.ones, [1 / 2, 1 / 2])


@oracle("target_sensitivity")
def target_sensitivity_of_what_is_shown() -> Case:
    """The first part is hidden, and its column belongs to the second: what it did does not count."""
    lengths = [sum(value**2 for value in slopes[1:]) ** 0.5 for slopes in SLOPES]
    apart = [abs(a / lengths[0] - b / lengths[1]) for a, b in zip(*(slopes[1:] for slopes in SLOPES), strict=True)]
    return _asked([[6, 0, 0, 0], [0, 0, 6, 0]], by.gradient, [apart[2] / sum(apart), 1], [[1, 1, 2, 3]] * 2)


@oracle("target_sensitivity")
def target_sensitivity_is_undefined_for_zero_maps() -> Case:
    """For the target, the rival, or both."""
    return _asked([[0, 0, 0, 0]], by.gradient, [nan])


@oracle("target_sensitivity")
def target_sensitivity_is_undefined_where_the_rivals_map_is_zero() -> Case:
    """That all parts have more than nothing is no merit."""
    return _asked([[1, 3, 5, 1]], by.nothing, [nan])


@oracle("target_sensitivity")
def target_sensitivity_is_undefined_without_a_difference() -> Case:
    """Where nothing matters more to one than to the other, nothing can be right; so without any effect."""
    case = _asked([[1, 2, 3, 4], [1, 2, 3, 4]], by.gradient, [nan, nan])
    batch = case.question.batch
    rival = torch.tensor([SLOPES[0], [0.0] * 4]).double()
    truth = Truth(batch.units, effect=torch.tensor([SLOPES[0]] * 2), rival=1 - batch.target, rival_effect=rival)
    return replace(case, question=replace(case.question, batch=replace(batch, truth=truth)))
