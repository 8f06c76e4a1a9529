"""Proofs of the metrics that insert and delete units in the order of relevance."""

from math import exp, nan

import torch
from torch import Tensor

from ...benchmark.checks import Case, oracle
from ._maps import Row, any_of, asked_about, blind, every, judged, total

STAIRS = [5.0, 8.0, 2.0, 7.0, 1.0, 4.0, 6.0, 3.0]
SIX = [1.0] * 6
FIRST = [3.0, 2.0, 1.0, -1.0, -2.0, -3.0]
"""A map that has the first three of six columns first."""
QUARTERS = [1.0, 5.0, -3.0, 2.0]


def _area(curve: Row, fraction: Row) -> float:
    """Return the area below a curve, one trapezoid after the other."""
    return sum((fraction[i + 1] - fraction[i]) * (curve[i] + curve[i + 1]) / 2 for i in range(len(curve) - 1))


def _even(curve: Row) -> float:
    return _area(curve, [i / (len(curve) - 1) for i in range(len(curve))])


@oracle("perturbation_curves")
def curves_of_two_uneven_units_by_hand() -> Case:
    """Unit 0 is a quarter of the area and worth 3, unit 1 is the rest and worth 1: curves 0, 3, 4 and 4, 1, 0."""
    question = asked_about(total, [3.0, 1 / 3, 1 / 3, 1 / 3], 1, [0, 1, 1, 1])
    insertion, deletion = 0.25 * 1.5 + 0.75 * 3.5, 0.25 * 2.5 + 0.75 * 0.5
    expected = {
        "insertion": [insertion],
        "deletion": [deletion],
        "relevance_gain": [insertion - deletion],
        "insertion_normalised": [insertion / 4],
        "deletion_normalised": [deletion / 4],
        "aopc": [(0 + 3 + 4) / 3],
        "monotonicity": [1.0],
        "minimal_insertion": [0.25],
        "minimal_deletion": [1.0],
        "highest_confidence_25": [3.0],
        "highest_confidence_75": [3.0],
        "highest_confidence_100": [4.0],
        "tied_units": [0.0],
    }
    return judged(question, [[3.0, 1 / 3, 1 / 3, 1 / 3]], **expected)


@oracle("perturbation_curves")
def curves_follow_relevance_per_area() -> Case:
    """Of two units the large one has more relevance, and the small one more per element: that one goes first."""
    question = asked_about(total, [2.0, 1.0, 1.0, 1.0], 1, [0, 1, 1, 1])
    expected = {"insertion": [0.25 * 1.0 + 0.75 * 3.5], "highest_confidence_25": [2.0]}
    return judged(question, [[2.0, 1.0, 1.0, 1.0]], **expected)


@oracle("perturbation_curves")
def curves_of_an_additive_model_are_a_parabola() -> Case:
    """Worth of 1 to 8, the largest first, adds up to 8k - k(k - 1)/2; the opposite map takes the way back."""
    up, down = ([8 * k - k * (k - 1) / 2 for k in range(9)], [k * (k + 1) / 2 for k in range(9)])
    best, worst = _even(up), _even(down)
    maps = [[size * worth for worth in STAIRS] for size in (1.0, 1e-12, 1e12, -1.0)]
    expected = {
        "insertion": [best, best, best, worst],
        "deletion": [36 - best, 36 - best, 36 - best, 36 - worst],
        "relevance_gain": [2 * best - 36, 2 * best - 36, 2 * best - 36, 2 * worst - 36],
        "insertion_normalised": [best / 36, best / 36, best / 36, worst / 36],
        "deletion_normalised": [1 - best / 36, 1 - best / 36, 1 - best / 36, 1 - worst / 36],
        "aopc": [sum(up) / 9, sum(up) / 9, sum(up) / 9, sum(down) / 9],
        "highest_confidence_50": [26.0, 26.0, 26.0, 10.0],
        "monotonicity": [1.0, 1.0, 1.0, 1.0],
    }
    return judged(asked_about(total, STAIRS, 4), maps, **expected)


@oracle("perturbation_curves")
def curves_with_fewer_cuts_skip_units() -> Case:
    """Four cuts through eight units lie at 0, 2, 4, 6 and 8 of them."""
    curve = [8 * k - k * (k - 1) / 2 for k in (0, 2, 4, 6, 8)]
    expected = {"insertion": [_even(curve)], "deletion": [36 - _even(curve)], "aopc": [sum(curve) / 5]}
    return judged(asked_about(total, STAIRS, 1), [STAIRS], {"steps": 4}, **expected)


@oracle("perturbation_curves")
def curves_of_an_odd_number_of_units_are_cut_an_odd_number_of_times() -> Case:
    """Four cuts through five units would miss the middle: there are three, at 2, 3 and 5 units, both ways."""
    worth, fraction = [5.0, 4.0, 3.0, 2.0, 1.0], [0.0, 0.4, 0.6, 1.0]
    up, down = [0.0, 9.0, 12.0, 15.0], [15.0, 6.0, 3.0, 0.0]
    areas = {"insertion": [_area(up, fraction)], "deletion": [_area(down, fraction)]}
    return judged(asked_about(total, worth, 1), [worth], {"steps": 4}, **areas, aopc=[(0 + 9 + 12 + 15) / 4])


@oracle("perturbation_curves")
def curves_of_an_and_need_the_last_and_miss_the_first() -> Case:
    """All of the first three of six: inserted at 3/6, deleted at 1/6; for the opposite map at 6/6 and 4/6."""
    expected = {
        "insertion": [3.5 / 6, 0.5 / 6],
        "deletion": [0.5 / 6, 3.5 / 6],
        "aopc": [6 / 7, 3 / 7],
        "minimal_insertion": [3 / 6, 1.0],
        "minimal_deletion": [1 / 6, 4 / 6],
        "highest_confidence_25": [0.0, 0.0],
        "highest_confidence_50": [1.0, 0.0],
        "monotonicity": [1.0, 1.0],
    }
    return judged(asked_about(every, SIX, 2), [FIRST, [-value for value in FIRST]], **expected)


@oracle("perturbation_curves")
def curves_of_an_or_need_the_first_and_miss_the_last() -> Case:
    """One of the first three of six: inserted at 1/6, deleted at 3/6; for the opposite map at 4/6 and 6/6."""
    expected = {
        "insertion": [5.5 / 6, 2.5 / 6],
        "deletion": [2.5 / 6, 5.5 / 6],
        "aopc": [4 / 7, 1 / 7],
        "minimal_insertion": [1 / 6, 4 / 6],
        "minimal_deletion": [3 / 6, 1.0],
        "highest_confidence_25": [1.0, 0.0],
        "highest_confidence_75": [1.0, 1.0],
    }
    return judged(asked_about(any_of, SIX, 2), [FIRST, [-value for value in FIRST]], **expected)


@oracle("perturbation_curves")
def curves_of_opposing_units_fall_on_the_way() -> Case:
    """Worth 1, 5, -3, 2 in the order given, then in order of worth: 0, 1, 6, 3, 5 and 0, 5, 7, 8, 5."""
    expected = {
        "insertion": [_even([0, 1, 6, 3, 5]), _even([0, 5, 7, 8, 5])],
        "deletion": [_even([5, 4, -1, 2, 0]), _even([5, 0, -2, -3, 0])],
        "aopc": [(0 + 1 + 6 + 3 + 5) / 5, (0 + 5 + 7 + 8 + 5) / 5],
        "monotonicity": [0.0, 0.0],
        "minimal_deletion": [0.5, 0.25],
        "highest_confidence_25": [1.0, 5.0],
        "highest_confidence_50": [6.0, 7.0],
        "highest_confidence_75": [6.0, 8.0],
        "highest_confidence_100": [6.0, 8.0],
    }
    return judged(asked_about(total, QUARTERS, 2), [[4.0, 3.0, 2.0, 1.0], QUARTERS], **expected)


@oracle("perturbation_curves")
def curves_are_monotonic_from_the_least_relevant_on() -> Case:
    """A unit that harms alone, and not beside another: adding it first falls, adding it last does not."""
    question = asked_about(lambda x: x[:, 0] - x[:, 1] * (1 - x[:, 0]), [1.0, 1.0], 2)
    return judged(question, [[2.0, 1.0], [1.0, 2.0]], monotonicity=[0.0, 1.0])


@oracle("perturbation_curves")
def curves_among_three_classes_reach_the_prediction_below_one_half() -> Case:
    """Logits of 1 and 0.9 are beaten by 1.5 with a probability of 0.47: the largest is the prediction."""
    question = asked_about(_among_three, [1.5, 2.0, 0.25, 0.25], 1, readout="probability")
    return judged(question, [[4.0, 3.0, 2.0, 1.0]], minimal_insertion=[0.25], minimal_deletion=[0.5])


def _among_three(x: Tensor) -> Tensor:
    return torch.stack([x.sum(1), 0 * x[:, 0] + 1, 0 * x[:, 0] + 0.9], 1)


@oracle("perturbation_curves")
def curves_of_equal_units_are_straight_whatever_the_order() -> Case:
    """Of equal units any order is as good: constant, zero and random maps have half the score, and no gain."""
    maps = [SIX, [0.0] * 6, FIRST]
    expected = {
        "insertion": [3.0] * 3,
        "deletion": [3.0] * 3,
        "relevance_gain": [0.0] * 3,
        "insertion_normalised": [0.5] * 3,
        "deletion_normalised": [0.5] * 3,
        "aopc": [3.0] * 3,
        "minimal_insertion": [1 / 6] * 3,
        "tied_units": [1.0, 1.0, 0.0],
    }
    return judged(asked_about(total, SIX, 3), maps, **expected)


@oracle("perturbation_curves")
def curves_of_tied_uneven_units_are_tied_by_relevance_per_area() -> Case:
    """Units of 1, 2 and 3 elements: all alike per element are tied, and so are two of three; equal sums are not."""
    units = [0, 1, 1, 2, 2, 2]
    maps = [[1.0] * 6, [2.0, 2.0, 2.0, 1.0, 1.0, 1.0], [6.0, 3.0, 3.0, 2.0, 2.0, 2.0]]
    return judged(asked_about(total, SIX, 3, units), maps, tied_units=[1.0, 2 / 3, 0.0])


@oracle("perturbation_curves")
def curves_that_end_where_they_start_cannot_be_normalised() -> Case:
    """Worth 2, 1, -1, -2 adds up to nothing: the raw area stays, the normalised ones are undefined."""
    expected = {
        "insertion": [_even([0, 2, 3, 2, 0])],
        "insertion_normalised": [nan],
        "deletion_normalised": [nan],
        "minimal_insertion": [0.25],
        "minimal_deletion": [nan],
    }
    worth = [2.0, 1.0, -1.0, -2.0]
    return judged(asked_about(total, worth, 1), [worth], **expected)


@oracle("perturbation_curves")
def curves_of_what_is_never_predicted_have_no_minimal_subset() -> Case:
    """A score that stays below that of the other class is never the prediction."""
    question = asked_about(lambda x: x.sum(1) - 100, STAIRS, 1)
    return judged(question, [STAIRS], minimal_insertion=[nan], minimal_deletion=[nan], monotonicity=[1.0])


@oracle("perturbation_curves")
def curves_of_a_blind_model_are_flat() -> Case:
    """A flat curve never falls and never drops; the prediction is there from the start, and nothing ends it."""
    expected = {
        "insertion": [1.0],
        "deletion": [1.0],
        "insertion_normalised": [nan],
        "aopc": [0.0],
        "monotonicity": [1.0],
        "minimal_insertion": [0.0],
        "minimal_deletion": [nan],
    }
    return judged(asked_about(blind, STAIRS, 1), [STAIRS], **expected)


def _sigmoid(value: float) -> float:
    return 1 / (1 + exp(-value))


@oracle("perturbation_curves")
def curves_of_a_probability_are_those_of_its_logit() -> Case:
    """Worth 3, 2, -1 is logits of 0, 3, 5, 4: the readout is taken after the sum, and only then the area."""
    worth = [3.0, 2.0, -1.0]
    up, down = ([_sigmoid(value) for value in logits] for logits in ((0, 3, 5, 4), (4, 1, -1, 0)))
    expected = {
        "insertion": [_even(up)],
        "deletion": [_even(down)],
        "insertion_normalised": [(_even(up) - 0.5) / (up[-1] - 0.5)],
        "aopc": [sum(up[-1] - value for value in down) / 4],
        "highest_confidence_75": [_sigmoid(5)],
        "minimal_deletion": [2 / 3],
    }
    return judged(asked_about(total, worth, 1, readout="probability"), [worth], **expected)
