"""Proofs of the agreement of parts with their true effects."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from math import nan

import torch

from ...benchmark.checks import Case, oracle
from ._parts import FIVE, SIZES, effects, times

ALL = ("feature_agreement", "rank_agreement", "sign_agreement", "signed_rank_agreement", "pairwise_rank_agreement")


def _largest(row: Sequence[float], count: int) -> list[int]:
    return sorted(range(len(row)), key=lambda part: -abs(row[part]))[:count]


@oracle("part_agreement")
def part_agreement_of_the_truth_is_one() -> Case:
    """The effects themselves agree in everything, at any size; so does any growing function of their magnitude."""
    cubes = [value**3 for value in FIVE]
    maps = [*(times(FIVE, size) for size in SIZES), cubes]
    return effects(FIVE, maps, **{name: [1.0] * 5 for name in ALL})


@oracle("part_agreement")
def part_agreement_of_the_opposite_is_of_all_but_the_signs() -> Case:
    """The effects with the wrong sign have the right parts in the right order, and no sign."""
    maps = [times(FIVE, -size) for size in SIZES]
    return effects(FIVE, maps, **dict(zip(ALL, ([1.0] * 4, [1.0] * 4, [0.0] * 4, [0.0] * 4, [1.0] * 4), strict=True)))


@oracle("part_agreement")
def part_agreement_by_hand() -> Case:
    """The first three are 3, 4, 0 with signs + - +; relevance puts 3+ 0+ 1-, then 2+ 1- 0-, then 4+ 3+ 0- first."""
    maps = [[0.8, -0.7, 0.1, 0.9, 0.2], [-0.3, -0.4, 0.5, 0.2, -0.1], [-3.0, 1.0, 2.0, 4.0, 5.0]]
    return effects(
        FIVE,
        maps,
        feature_agreement=[2 / 3, 1 / 3, 1.0],
        rank_agreement=[1 / 3, 1 / 3, 1 / 3],
        sign_agreement=[2 / 3, 0.0, 1 / 3],
        signed_rank_agreement=[1 / 3, 0.0, 0.0],
        pairwise_rank_agreement=[8 / 10, 1 / 10, 8 / 10],
    )


@oracle("part_agreement")
def part_agreement_of_an_integer_k() -> Case:
    """A k of 1 asks for part 3 alone; the first map has it first, the second last, the third first with wrong sign."""
    maps = [[0.8, -0.7, 0.1, 0.9, 0.2], [0.3, -0.4, 0.5, 0.1, -0.2], [0.1, 0.2, 0.3, -0.9, 0.0]]
    right, signed = [1.0, 0.0, 1.0], [1.0, 0.0, 0.0]
    scores = dict(zip(ALL, (right, right, signed, signed), strict=False))
    return replace(effects(FIVE, maps, **scores), settings={"k": 1})


@oracle("part_agreement")
def part_agreement_asks_for_no_more_than_has_an_effect() -> Case:
    """One of four parts has an effect: relevance on another one does not find two thirds of it."""
    maps = [[0.0, 0.0, 2.0, 0.0], [3.0, 2.0, 1.0, 0.0]]
    return effects(
        [0.0, 0.0, 0.7, 0.0], maps, **{name: [1.0, 0.0] for name in ALL[:4]}, pairwise_rank_agreement=[1, 1 / 3]
    )


@oracle("part_agreement")
def part_agreement_lets_equal_effects_come_in_any_order() -> Case:
    """Three of five parts count alike: any order of them is right, and what rounding makes of their tie, too."""
    maps = [[1.0, 2.0, 3.0, 0.0, 0.0], [0.3, 0.3 + 1e-9, 0.3 - 1e-9, 0.1, 0.2], [0.3, 0.3, 0.3, 0.0, 0.0]]
    return effects([0.3, 0.3, 0.1 + 0.2, 0.0, 0.0], maps, **{name: [1.0] * 3 for name in ALL})


@oracle("part_agreement")
def part_agreement_does_not_take_an_equal_effect_for_a_larger_one() -> Case:
    """The largest effect and any one of three equal ones: two of these do not make up for it, nor does a smaller."""
    maps = [[5.0, 4, 0, 0, 0], [5.0, 0, 0, 4, 0], [0.0, 5, 4, 0, 0], [5.0, 0, 0, 0, 4]]
    right = [1.0, 1.0, 1 / 2, 1 / 2]
    scores = {
        "feature_agreement": right,
        "rank_agreement": right,
        "pairwise_rank_agreement": [6 / 7, 6 / 7, 1 / 2, 4 / 7],
    }
    return replace(effects([0.9, 0.2, 0.2, 0.2, 0.1], maps, **scores), settings={"k": 2})


@oracle("part_agreement")
def part_agreement_without_effects_is_undefined() -> Case:
    """No effect has no largest; the zero map has no sign, and its pairs are all tied."""
    effect = [[0.0] * 5, FIVE, [-0.2] * 5]
    maps = [FIVE, [0.0] * 5, [-0.1] * 5]
    nothing = {name: [nan, 0.0, 1.0] for name in ("sign_agreement", "signed_rank_agreement")}
    return effects(effect, maps, **nothing, pairwise_rank_agreement=[nan, 1 / 2, nan])


@oracle("part_agreement")
def part_agreement_of_one_part_is_its_sign() -> Case:
    """A single part is always the first; its sign is right or wrong, and there is no pair."""
    signed, always = [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]
    scores = (always, always, signed, signed, [nan] * 3)
    return effects([-0.5], [[-1e-9], [7.0], [0.0]], **dict(zip(ALL, scores, strict=True)))


@oracle("part_agreement")
def part_agreement_is_that_of_loops() -> Case:
    """Two lists of the first four of seven parts, compared place by place, and all pairs one by one."""
    source = torch.Generator().manual_seed(93)
    effect, maps = torch.randn(2, 20, 7, generator=source, dtype=torch.float64).tolist()
    found: dict[str, list[float]] = {name: [] for name in ALL}
    for true, given in zip(effect, maps, strict=True):
        lists = _largest(true, 4), _largest(given, 4)
        shared = [part for part in lists[0] if part in lists[1]]
        level = [part for part, other in zip(*lists, strict=True) if part == other]
        signed = [part for part in range(7) if (true[part] > 0) == (given[part] > 0)]
        pairs = [(abs(true[a]) > abs(true[b])) == (abs(given[a]) > abs(given[b])) for a, b in combinations(range(7), 2)]
        agreeing = (shared, level, [p for p in shared if p in signed], [p for p in level if p in signed])
        for name, each in zip(ALL, (*(len(parts) / 4 for parts in agreeing), sum(pairs) / 21), strict=True):
            found[name].append(each)
    return replace(effects(effect, maps, **found), settings={"k": 4})
