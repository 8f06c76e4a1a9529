"""Proofs of the metrics of faithfulness that hide one unit at a time."""

from math import nan, sqrt

from ...benchmark.checks import Case, oracle
from ._maps import any_of, asked_about, blind, every, judged, pearson, total

WORTH = [4.0, -1.0, 2.0, 0.5, 3.0]
SIX = [1.0] * 6
EFFECTS = [3.0, 2.0, 1.0, 0.0]


@oracle("unit_effects")
def units_of_an_additive_model_have_their_worth_as_effect() -> Case:
    """Effects agree with themselves, and disagree with their opposite, whose magnitudes are the same."""
    maps = [[size * value for value in WORTH] for size in (1.0, 1e-12, 1e12, -1.0)]
    signs = [1.0, 1.0, 1.0, -1.0]
    question = asked_about(total, WORTH, 4)
    magnitudes = {"monotonicity_correlation": [1.0] * 4, "non_sensitivity": [0.0] * 4}
    return judged(question, maps, faithfulness_estimate=signs, leave_one_out=signs, **magnitudes)


@oracle("unit_effects")
def units_with_tied_relevance_by_hand() -> Case:
    """Relevance 3, 1, 1, 0 of effects 3, 2, 1, 0: five of six pairs agree, the sixth is tied."""
    expected = {
        "faithfulness_estimate": [4.5 / sqrt(4.75 * 5)],
        "leave_one_out": [5 / sqrt(5 * 6)],
        "monotonicity_correlation": [4.5 / sqrt(4.5 * 5)],
        "non_sensitivity": [0.0],
    }
    return judged(asked_about(total, EFFECTS, 1), [[3.0, 1.0, 1.0, 0.0]], **expected)


@oracle("unit_effects")
def units_with_relevance_but_no_effect_are_counted() -> Case:
    """Effects 3, 2, 1, 0: a map is wrong about a unit of each kind, about all, about what a zero map leaves out."""
    maps = [
        [0.0, 2.0, 1.0, -5.0],
        [0.0, 0.0, 0.0, 1.0],
        [1.0, 1.0, 1.0, 1.0],
        [0.0, 0.0, 0.0, 0.0],
        [1.0, 1e-5, 1.0, 0.0],
    ]
    question = asked_about(total, EFFECTS, 5)
    return judged(question, maps, non_sensitivity=[0.5, 1.0, 0.25, 0.75, 0.25])


@oracle("unit_effects", habit=True)
def units_of_a_constant_or_zero_map_have_no_correlation() -> Case:
    """Where all relevance is the same, nothing correlates with it."""
    nearly = [1.0, 1 + 1e-13, 1 - 1e-13, 1 + 2e-13, 1.0]
    nothing = [nan] * 4
    names = ("faithfulness_estimate", "leave_one_out", "monotonicity_correlation")
    question = asked_about(total, WORTH, 4)
    return judged(question, [[1.0] * 5, [0.1] * 5, nearly, [0.0] * 5], **dict.fromkeys(names, nothing))


@oracle("unit_effects", habit=True)
def units_of_a_blind_model_have_no_effect() -> Case:
    """Nothing correlates with no effect; what has relevance all the same is counted."""
    names = ("faithfulness_estimate", "leave_one_out", "monotonicity_correlation")
    question = asked_about(blind, EFFECTS, 1)
    return judged(question, [EFFECTS], **{key: [nan] for key in names}, non_sensitivity=[0.75])


@oracle("unit_effects")
def units_of_an_and_have_effects_those_of_an_or_have_none() -> Case:
    """Of "all of the first three of six" each of the three has an effect: the Shapley values agree with it."""
    ones, expected = [[1 / 3, 1 / 3, 1 / 3, 0.0, 0.0, 0.0]], ("faithfulness_estimate", "leave_one_out")
    return judged(asked_about(every, SIX, 1), ones, **{key: [1.0] for key in expected}, non_sensitivity=[0.0])


@oracle("unit_effects", habit=True)
def units_that_stand_in_for_each_other_have_no_effect_alone() -> Case:
    """Of "one of the first three of six" none is needed: these scores are blind to all three."""
    ones, expected = [[1 / 3, 1 / 3, 1 / 3, 0.0, 0.0, 0.0]], ("faithfulness_estimate", "leave_one_out")
    return judged(asked_about(any_of, SIX, 1), ones, **{key: [nan] for key in expected}, non_sensitivity=[0.5])


@oracle("unit_effects")
def units_of_opposing_effects_are_read_by_magnitude_only_where_that_is_said() -> Case:
    """Magnitudes of effects 2, -3, 1, 0: right for the magnitude of relevance, wrong for its sign."""
    worth, relevance = [2.0, -3.0, 1.0, 0.0], [2.0, 3.0, 1.0, 0.0]
    expected = {"monotonicity_correlation": [1.0], "leave_one_out": [0.0]}
    return judged(
        asked_about(total, worth, 1), [relevance], faithfulness_estimate=[pearson(relevance, worth)], **expected
    )
