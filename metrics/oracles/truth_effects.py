"""Proofs of the metrics that compare the relevance of parts with their true effects, or with exact values."""

from dataclasses import replace
from math import nan, sqrt

from ...benchmark.checks import Case, oracle
from ._parts import FIVE, SIZES, contrast, effects, times


@oracle("effect_cosine")
def effect_cosine_of_known_angles() -> Case:
    """Relevance along the effect, against it, across it, and half way between: 1, -1, 0, 1/sqrt 2, at any size."""
    maps = [[1e-200, 0.0, 0.0], [-5.0, 0.0, 0.0], [0.0, 3.0, -1.0], [1e200, 1e200, 0.0]]
    return effects([2.0, 0.0, 0.0], maps, effect_cosine=[1.0, -1.0, 0.0, 1 / sqrt(2)])


@oracle("effect_cosine")
def effect_cosine_adds_up_the_elements_of_a_part() -> Case:
    """Parts of 2, 1 and 3 elements with 1, 2 and 2 in all are as (1, 2, 2); an element of no part does not count."""
    maps = [[0.5, 0.5, 2.0, 1.0, 1.0, 0.0, 99.0], [3.0, -2.0, 0.0, 1.0, 1.0, 1.0, -99.0]]
    return effects([1.0, 2.0, 2.0], maps, [0, 0, 1, 2, 2, 2, -1], effect_cosine=[1.0, 7 / (3 * sqrt(10))])


@oracle("effect_cosine")
def effect_cosine_of_a_zero_map_or_effect_is_undefined() -> Case:
    """A vector without length has no direction."""
    effect = [[1.0, -2.0], [0.0, 0.0], [1.0, -2.0]]
    return effects(effect, [[0.0, 0.0], [1.0, 1.0], [1.0, -2.0]], effect_cosine=[nan, nan, 1.0])


@oracle("effect_cosine")
def effect_cosine_of_one_part_is_its_sign() -> Case:
    """A single part agrees or not."""
    return effects([-0.5], [[-1e-9], [7.0], [0.0]], effect_cosine=[1.0, -1.0, nan])


@oracle("effect_cosine")
def effect_cosine_of_a_constant_map() -> Case:
    """Equal relevance of parts with effects of 1, 2 and 2 is as long a way off as the mean is: 5 / (3 sqrt 3)."""
    cosine = 5 / (3 * sqrt(3))
    return effects([1.0, 2.0, 2.0], [[4.0] * 3, [-4.0] * 3], effect_cosine=[cosine, -cosine])


@oracle("effect_correlation")
def effect_correlation_of_ties_takes_their_mean_ranks() -> Case:
    """Ranks 1.5 1.5 4 4 4 6 with ranks 1 to 6: the covariance is 15, the squares are 15 and 17.5."""
    effect = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    return effects(effect, [[0.0, 0.0, 5.0, 5.0, 5.0, 9.0]], effect_correlation=[sqrt(15 / 17.5)])


@oracle("effect_correlation")
def effect_correlation_sees_the_order_alone() -> Case:
    """Any growing function of the effects has 1, any falling one -1, at any size and offset."""
    grown = [value**3 + 7 for value in FIVE]
    maps = [times(grown, size) for size in SIZES] + [times(grown, -1.0)]
    return effects(FIVE, maps, effect_correlation=[1.0] * 4 + [-1.0])


@oracle("effect_correlation")
def effect_correlation_is_the_sum_of_squared_rank_differences() -> Case:
    """With ranks 1 to 5 exchanged in one pair, in two, and turned about the middle: 1 - 6 d / 120."""
    maps = [[2.0, 1.0, 3.0, 4.0, 5.0], [2.0, 1.0, 3.0, 5.0, 4.0], [5.0, 4.0, 3.0, 2.0, 1.0], [5.0, 1.0, 2.0, 3.0, 4.0]]
    return effects([0.1, 0.2, 0.3, 0.4, 0.5], maps, effect_correlation=[1 - d / 20 for d in (2, 4, 40, 20)])


@oracle("effect_correlation")
def effect_correlation_of_ties_takes_their_mean_rank() -> Case:
    """Ranks of 1.5, 1.5, 3 against 1, 2, 3 correlate with sqrt 3 / 2, and with one another fully."""
    effect = [[1.0, 2.0, 3.0], [2.0, 2.0, 3.0], [1.0, 2.0, 3.0]]
    maps = [[0.0, 0.0, 9.0], [0.0, 0.0, 9.0], [0.0, 0.0, -9.0]]
    return effects(effect, maps, effect_correlation=[sqrt(3) / 2, 1.0, -sqrt(3) / 2])


@oracle("effect_correlation")
def effect_correlation_of_equal_parts_is_undefined() -> Case:
    """Where relevance, or the effect, is the same for all parts there is no order, even if rounding makes one."""
    effect = [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [2.0, 2.0, 2.0], [1.0, 2.0, 3.0]]
    maps = [[4.0] * 3, [0.0] * 3, [1.0, 2.0, 3.0], [0.1, 0.1 + 1e-13, 0.1 - 1e-13]]
    return effects(effect, maps, effect_correlation=[nan] * 4)


@oracle("effect_correlation")
def effect_correlation_of_one_part_is_undefined() -> Case:
    """A single part has no order."""
    return effects([0.5], [[1.0], [-1.0], [0.0]], effect_correlation=[nan] * 3)


OWN, OTHER = [3.0, 4.0, 0.0], [0.0, 4.0, 3.0]


@oracle("effect_contrast")
def effect_contrast_of_the_truth_is_one() -> Case:
    """True answers to both questions have 1, even if each has a size of its own; exchanged ones have -1."""
    own = [OWN, times(OWN, 1e-6), OTHER]
    return contrast("effect_contrast", own, [OTHER, times(OTHER, 1e6), OWN], [OWN] * 3, [OTHER] * 3, [1.0, 1.0, -1.0])


@oracle("effect_contrast")
def effect_contrast_of_one_answer_to_both_questions_is_zero() -> Case:
    """A map that ignores the question has 0, even the truth of one, and at two sizes."""
    own = [OWN, [1.0, 1.0, 1.0], [9.0, -2.0, 5.0]]
    return contrast(
        "effect_contrast", own, [OWN, [1.0, 1.0, 1.0], [18.0, -4.0, 10.0]], [OWN] * 3, [OTHER] * 3, [0.0] * 3
    )


@oracle("effect_contrast")
def effect_contrast_of_half_an_answer() -> Case:
    """The effects are the first axis and the second; relevance on the first, and on both for the rival, has 1/2."""
    own, other = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], [[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]
    return contrast("effect_contrast", own, other, [[2.0, 0.0]] * 3, [[0.0, 5.0]] * 3, [1 / 2, 1.0, 0.0])


@oracle("effect_contrast")
def effect_contrast_without_a_map_an_effect_or_a_difference_is_undefined() -> Case:
    """Where one of four vectors is zero, or the true answers to both questions point the same way, it is NaN."""
    none = [0.0, 0.0, 0.0]
    own, other = [none, OWN, OWN, OWN, OWN], [OTHER, none, OTHER, OTHER, OTHER]
    effect, rival = [OWN, OWN, none, OWN, OWN], [OTHER, OTHER, OTHER, none, times(OWN, 2.0)]
    return contrast("effect_contrast", own, other, effect, rival, [nan] * 5)


@oracle("value_error")
def value_error_of_multiples_is_how_far_they_are_off() -> Case:
    """The exact values have 0, none at all 1, their opposite 2, twice them 1, half of them 1/2."""
    maps = [times(FIVE, factor) for factor in (1.0, 0.0, -1.0, 2.0, 0.5)]
    return effects(FIVE, maps, value_error=[0.0, 1.0, 2.0, 1.0, 0.5])


@oracle("value_error")
def value_error_is_a_relative_distance() -> Case:
    """From values of length 3, relevance that is off by 3 and 4 is off by 5/3, and a constant map by 1/3 or 1."""
    maps = [[1.0, 5.0, -2.0], [2.0, 2.0, 2.0], [0.0, 0.0, 0.0]]
    return effects([1.0, 2.0, 2.0], maps, value_error=[5 / 3, 1 / 3, 1.0])


@oracle("value_error")
def value_error_adds_up_the_elements_of_a_part() -> Case:
    """Parts of 2, 1 and 3 elements are exact in all, however they share; an element of no part does not count."""
    maps = [[9.0, -8.0, 2.0, 1.0, 1.0, 0.0, 99.0], [1.0, 0.0, 2.0, 1.0, 1.0, 3.0, 0.0]]
    return effects([1.0, 2.0, 2.0], maps, [0, 0, 1, 2, 2, 2, -1], value_error=[0.0, 1.0])


@oracle("value_error")
def value_error_of_another_concept() -> Case:
    """Asked for a concept whose values are twice as large, the others are half way there."""
    maps = [times(FIVE, factor) for factor in (1.0, 2.0, 0.0)]
    return replace(effects(FIVE, maps, value_error=[0.5, 0.0, 1.0]), settings={"concept": "twice"})


@oracle("value_error")
def value_error_of_zero_values_is_undefined() -> Case:
    """Nothing can be off by a multiple of nothing."""
    return effects([[0.0], [0.0], [-4.0]], [[0.0], [1.0], [-3.0]], value_error=[nan, nan, 1 / 4])
