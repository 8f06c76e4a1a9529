"""Proofs of the metrics that compare, without their means, the relevance of parts with their true effects."""

from collections.abc import Sequence
from dataclasses import replace
from math import nan, sqrt

import torch

from ...benchmark import Truth
from ...benchmark.checks import Case, ask, oracle
from ._parts import FIVE, SIZES, contrast, effects, numbers, times


@oracle("centred_cosine")
def centred_cosine_of_known_angles() -> Case:
    """With effects of 1, 2, 3: along, against, and across what is left of them, and a third of a turn nearer."""
    maps = [[10.0, 20.0, 30.0], [3.0, 2.0, 1.0], [5.0, 1.0, 5.0], [1.0, 1.0, 2.0]]
    return effects([1.0, 2.0, 3.0], maps, centred_cosine=[1.0, -1.0, 0.0, sqrt(3) / 2])


@oracle("centred_cosine")
def centred_cosine_of_the_effects_at_any_size_and_offset() -> Case:
    """A constant added to all parts does not count, and neither does the size."""
    maps = [times(FIVE, size) for size in SIZES] + [[value + 7 for value in times(FIVE, size)] for size in (1.0, -2.0)]
    return effects(FIVE, maps, centred_cosine=[1.0] * 5 + [-1.0])


@oracle("centred_cosine")
def centred_cosine_adds_up_the_elements_of_a_part() -> Case:
    """Parts of 2, 1 and 3 elements with 1, 2 and 3 in all are as (1, 2, 3); an element of no part does not count."""
    maps = [[0.5, 0.5, 2.0, 1.0, 1.0, 1.0, 99.0], [3.0, -2.0, 2.0, 0.0, 0.0, 1.0, -99.0]]
    return effects([1.0, 2.0, 3.0], maps, [0, 0, 1, 2, 2, 2, -1], centred_cosine=[1.0, 0.0])


@oracle("centred_cosine")
def centred_cosine_of_equal_relevance_is_zero() -> Case:
    """No relevance, and the same for all parts even if rounding tells it apart, says nothing: 0."""
    maps = [[0.0] * 3, [4.0] * 3, [-4.0] * 3, [0.1, 0.1 + 1e-13, 0.1 - 1e-13]]
    return effects([1.0, 2.0, 3.0], maps, centred_cosine=[0.0] * 4)


@oracle("centred_cosine")
def centred_cosine_with_equal_effects_is_undefined() -> Case:
    """Where the effect is the same for all parts, or there is only one, nothing can agree with it."""
    effect = [[2.0, 2.0], [0.0, 0.0], [1.0, 2.0]]
    return effects(effect, [[1.0, 2.0], [1.0, 2.0], [-1.0, 5.0]], centred_cosine=[nan, nan, 1.0])


@oracle("centred_cosine")
def centred_cosine_of_magnitudes() -> Case:
    """Without signs, effects of -1, 2, -3 are as 1, 2, 3, and so is relevance; elements add up with their signs."""
    maps = [[-1.0, -2.0, 3.0], [3.0, -2.0, 1.0], [5.0, -1.0, -5.0]]
    case = effects([-1.0, 2.0, -3.0], maps, centred_cosine=[1.0, -1.0, 0.0])
    return replace(case, settings={"sign": "magnitude"})


@oracle("centred_cosine")
def centred_cosine_of_magnitudes_takes_sums_first() -> Case:
    """Parts of two elements that cancel have none."""
    maps = [[9.0, -9.0, 2.0, 2.0, -6.0, -2.0], [4.0, -3.0, -2.0, 0.0, 4.0, -7.0]]
    third = (-1.0 * (1 - 2) + 1.0 * (3 - 2)) / (sqrt(2) * sqrt((1 - 2) ** 2 + (2 - 2) ** 2 + (3 - 2) ** 2))
    case = effects([0.0, 4.0, -8.0], maps, [0, 0, 1, 1, 2, 2], centred_cosine=[1.0, third])
    return replace(case, settings={"sign": "magnitude"})


@oracle("centred_cosine")
def centred_cosine_with_a_margin() -> Case:
    """A row of 9 pixels with parts 0, 1, 2 at its places 0, 4 and 6: with a margin of 1, 1 and 3 and 7 are theirs.

    Place 5 is near two parts, and 2 and 8 are near none. Then the parts have 1, 2, 3, or 3, 2, 1, or all the same.
    """
    labels = torch.tensor([0, -1, -1, -1, 1, -1, 2, -1, -1])
    maps = [
        [0.0, 1.0, 9.0, 1.0, 1.0, -9.0, 1.0, 2.0, 9.0],
        [1.0, 2.0, -9.0, 2.0, 0.0, 9.0, 5.0, -4.0, 9.0],
        [1.0, 1.0, 7.0, 2.0, 0.0, 7.0, 0.0, 2.0, 7.0],
    ]
    return margin(labels.expand(3, -1), (1, 9), maps, 1, [1.0, -1.0, 0.0])


@oracle("centred_cosine")
def centred_cosine_with_a_margin_in_both_directions() -> Case:
    """Of 5 x 5 pixels two corners are parts: a margin of 2 is a square of 3 x 3 there, less the pixel in the middle."""
    labels = torch.full((5, 5), -1)
    labels[0, 0], labels[4, 4] = 0, 1
    maps = torch.zeros(3, 5, 5)
    maps[0, 0, 2], maps[1, 4, 2], maps[2, 2, 2] = 1.0, 1.0, 1.0
    maps[:, 0, 3] = 50.0
    return margin(labels.flatten().expand(3, -1), (5, 5), maps.flatten(1).tolist(), 2, [-1.0, 1.0, 0.0], [1.0, 2.0])


def margin(
    parts: torch.Tensor,
    shape: tuple[int, int],
    maps: list[list[float]],
    tolerance: int,
    expected: list[float],
    effect: Sequence[float] = (1.0, 2.0, 3.0),
) -> Case:
    """Ask about maps of pictures whose parts have these effects, with a margin around them."""
    attribution, true = numbers(maps), torch.tensor(effect, dtype=torch.float64).expand(len(maps), -1)
    x = torch.zeros(len(maps), 1, *shape)
    question = ask(lambda x: x.flatten(1).sum(1), x, truth=Truth(parts, effect=true))
    scores = {"centred_cosine": torch.tensor(expected, dtype=torch.float64)}
    return Case(question, attribution, scores, {"tolerance": tolerance})


@oracle("value_correlation")
def value_correlation_of_known_angles() -> Case:
    """With values of 1, 2, 3: along, against, across what is left of them, at any size and offset."""
    maps = [[10.0, 20.0, 30.0], [3.0, 2.0, 1.0], [5.0, 1.0, 5.0], [8.0, 9.0, 10.0], [4.0, 4.0, 4.0]]
    return effects([1.0, 2.0, 3.0], maps, value_correlation=[1.0, -1.0, 0.0, 1.0, 0.0])


@oracle("value_correlation")
def value_correlation_of_another_concept() -> Case:
    """Values of a concept of their own, 3, 2, 1, and not the effects of 1, 2, 3."""
    maps = [[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [1.0, 1.0, 2.0]]
    case = effects([1.0, 2.0, 3.0], maps, value_correlation=[1.0, -1.0, -sqrt(3) / 2])
    truth = case.question.batch.truth
    values = {**truth.values, "removal": numbers([[3.0, 2.0, 1.0]] * 3)}  # type: ignore[union-attr]
    batch = replace(case.question.batch, truth=replace(truth, values=values))  # type: ignore[type-var]
    return replace(case, question=replace(case.question, batch=batch), settings={"concept": "removal"})


@oracle("value_correlation")
def value_correlation_adds_up_the_elements_of_a_part() -> Case:
    """Parts of 2, 1 and 3 elements with 1, 2 and 3 in all are as (1, 2, 3); an element of no part does not count."""
    maps = [[0.5, 0.5, 2.0, 1.0, 1.0, 1.0, 99.0], [3.0, -2.0, 2.0, 0.0, 0.0, 1.0, -99.0]]
    return effects([1.0, 2.0, 3.0], maps, [0, 0, 1, 2, 2, 2, -1], value_correlation=[1.0, 0.0])


@oracle("value_correlation")
def value_correlation_with_equal_values_is_undefined() -> Case:
    """Where the values are the same for all parts, nothing can agree with them."""
    return effects([[2.0, 2.0], [1.0, 2.0]], [[1.0, 2.0], [-1.0, 5.0]], value_correlation=[nan, 1.0])


OWN, OTHER = [3.0, 4.0, 0.0], [0.0, 4.0, 3.0]
"""They differ by 3, 0, -3."""


@oracle("centred_contrast")
def centred_contrast_of_the_truth_is_one() -> Case:
    """True answers have 1, at any size of both and with anything that both have in common; exchanged ones -1."""
    more = [9.0, -5.0, 2.0]
    own = [OWN, times(OWN, 1e6), [a + b for a, b in zip(OWN, more, strict=True)], OTHER]
    other = [OTHER, times(OTHER, 1e6), [a + b for a, b in zip(OTHER, more, strict=True)], OWN]
    return contrast("centred_contrast", own, other, [OWN] * 4, [OTHER] * 4, [1.0, 1.0, 1.0, -1.0])


@oracle("centred_contrast")
def centred_contrast_cannot_be_had_by_exaggeration() -> Case:
    """Maps that are the true contrast and its opposite have 1, and no more."""
    apart = [a - b for a, b in zip(OWN, OTHER, strict=True)]
    return contrast("centred_contrast", [apart], [times(apart, -5.0)], [OWN], [OTHER], [1.0])


@oracle("centred_contrast")
def centred_contrast_of_one_answer_to_both_questions_is_zero() -> Case:
    """A map that ignores the question has 0, even the truth of one; and so have maps that a constant tells apart."""
    maps = [OWN, [1.0, 1.0, 1.0], [9.0, -2.0, 5.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]
    other = [*maps[:4], [5.0, 6.0, 7.0]]
    return contrast("centred_contrast", maps, other, [OWN] * 5, [OTHER] * 5, [0.0] * 5)


@oracle("centred_contrast")
def centred_contrast_of_half_an_answer() -> Case:
    """Zeros for one target: what is left is the other's own angle, of (3, 4, 0) or its opposite with (3, 0, -3)."""
    none = [0.0, 0.0, 0.0]
    half = 9 / (sqrt(78 / 9) * sqrt(18))
    own, other = [OWN, none], [none, OWN]
    return contrast("centred_contrast", own, other, [OWN] * 2, [OTHER] * 2, [half, -half])


@oracle("centred_contrast")
def centred_contrast_without_a_true_difference_is_undefined() -> Case:
    """Where the true answers to both questions are the same, or differ by the same for all parts, it is NaN."""
    above = [value + 2 for value in OWN]
    effect = [OWN, OWN, [0.0] * 3]
    return contrast("centred_contrast", [OWN] * 3, [OTHER] * 3, effect, [OWN, above, [0.0] * 3], [nan] * 3)
