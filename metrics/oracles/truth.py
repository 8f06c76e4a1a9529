"""Proofs of the metrics that look for relevance where the truth is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from math import nan

import torch

from ...benchmark.checks import Case, oracle
from ._masks import FALLING, FLAT, NOTHING, SHARES, drawn, masked


def _over_all_orders(k: int | None) -> Callable[[list[float], str], float]:
    """Return what gives the mean share of the truth among the first k, or as many as are true, over all orders."""

    def judged(values: list[float], mask: str) -> float:
        asked = [(value, kind) for value, kind in zip(values, mask, strict=True) if kind != "."]
        count = k or mask.count("T")
        orders = [sorted(order, key=lambda each: -each[0])[:count] for order in permutations(asked)]
        hits = sum(kind == "T" for order in orders for _, kind in order)
        return hits / (count * len(orders)) if "T" in mask else nan

    return judged


@oracle("relevance_mass")
def relevance_mass_is_the_share_of_positive_relevance() -> Case:
    """Relevance of 3 on the truth and 1 beside it have mass 3/4; what is negative or not asked does not count."""
    maps = [[3.0, 1.0, -5.0, 9.0], [3.0, -1.0, -2.0, 9.0], [0.0, 2.0, 2.0, 9.0], [-3.0, 2.0, 2.0, 9.0]]
    return masked("TFF.", maps, relevance_mass=[3 / 4, 1.0, 0.0, 0.0])


@oracle("relevance_mass")
def relevance_mass_of_a_constant_map_is_the_share_of_the_truth() -> Case:
    """Equal positive relevance has the mass of the truth's area at any size; if none is positive, NaN."""
    return masked(SHARES, FLAT, relevance_mass=[1 / 4, 1 / 2, nan, 2 / 3, nan])


@oracle("relevance_mass", habit=True)
def relevance_mass_of_an_empty_truth_is_undefined() -> Case:
    """Where nothing is true there is nothing to be on, even if relevance is everywhere else."""
    return masked(NOTHING, [FALLING] * 3, relevance_mass=[nan] * 3)


@oracle("relevance_mass", habit=True)
def relevance_mass_of_a_full_truth_is_one() -> Case:
    """Where everything is true, all positive relevance is on it, on how many elements it may be."""
    maps = [[4.0, -3.0, 2.0, 1.0], [4.0, 0.0, 0.0, 0.0], [-4.0, 0.0, 0.0, 0.0]]
    return masked(["TTTT", "T...", "T..."], maps, relevance_mass=[1.0, 1.0, nan])


@oracle("relevance_mass")
def relevance_mass_on_a_mosaic_is_focus() -> Case:
    """Two tiles of the target have relevance of 3 and 1 per pixel, the others 2 and -7: focus is (3 + 1) / 6."""
    tiles, classes = torch.tensor([[3.0, 2.0], [-7.0, 1.0]]), ["TTFF", "TTFF", "FFTT", "FFTT"]
    row = tiles.repeat_interleave(2, 0).repeat_interleave(2, 1).flatten().tolist()
    return masked(["".join(classes)], [row], torch.zeros(1, 3, 4, 4), relevance_mass=[4 / 6])


@oracle("relevance_mass")
def relevance_mass_of_every_mate_is_its_own() -> Case:
    """Samples with 1, 2 and 3 of 4 on the truth keep their mass beside others a billion times as large."""
    maps = [[1e9, 1e9, 1e9, 1e9], [1e-9, 1e-9, 2e-9, 0.0], [3.0, 1.0, 0.0, 0.0]]
    return masked("TFFF", maps, relevance_mass=[1 / 4, 1 / 4, 3 / 4])


@oracle("relevance_rank")
def relevance_rank_counts_the_first_k() -> Case:
    """Of two true elements, those among the two most relevant count, negative relevance not excepted."""
    maps = [[5.0, 4.0, 3.0, 9.0], [-1.0, -4.0, -3.0, 9.0], [1.0, 6.0, 2.0, 9.0], [0.0, 6.0, -2.0, 9.0]]
    return masked("TFT.", maps, relevance_rank=[1 / 2, 1.0, 1 / 2, 1 / 2])


@oracle("relevance_rank", habit=True)
def relevance_rank_of_a_constant_map_is_the_share_of_the_truth() -> Case:
    """Where all elements are tied, the k first hold as much truth as all of them."""
    return masked(SHARES, FLAT, relevance_rank=[1 / 4, 1 / 2, 3 / 4, 2 / 3, 1 / 4])


@oracle("relevance_rank", habit=True)
def relevance_rank_is_the_mean_over_all_orders_of_ties() -> Case:
    """Every order of six elements is tried, those that respect relevance are averaged."""
    return drawn("relevance_rank", 81, _over_all_orders(None))


@oracle("relevance_rank", habit=True)
def relevance_rank_of_an_empty_truth_is_undefined() -> Case:
    """The first 0 elements hold no share of anything."""
    return masked(NOTHING, [FALLING] * 3, relevance_rank=[nan] * 3)


@oracle("relevance_rank")
def relevance_rank_of_a_full_truth_is_one() -> Case:
    """Where everything is true, so is whatever comes first."""
    return masked(["TTTT", "T..."], [[4.0, -3.0, 2.0, 1.0], [0.0, 9.0, 9.0, 9.0]], relevance_rank=[1.0, 1.0])


@oracle("pointing_game")
def pointing_game_is_whether_the_largest_is_true() -> Case:
    """The most relevant of those asked about is true or not, negative relevance not excepted."""
    maps = [[5.0, 4.0, 3.0, 9.0], [5.0, 6.0, 3.0, 9.0], [-5.0, -4.0, -6.0, 9.0], [-5.0, -6.0, -4.0, 9.0]]
    return masked("TFT.", maps, pointing_game=[1.0, 0.0, 0.0, 1.0])


@oracle("pointing_game", habit=True)
def pointing_game_of_a_constant_map_is_the_share_of_the_truth() -> Case:
    """A map that points everywhere is no hit: tied maxima count with the share of them that is true."""
    return masked(SHARES, FLAT, pointing_game=[1 / 4, 1 / 2, 3 / 4, 2 / 3, 1 / 4])


@oracle("pointing_game", habit=True)
def pointing_game_is_the_mean_over_all_orders_of_ties() -> Case:
    """Every order of six elements is tried, those that respect relevance are averaged."""
    return drawn("pointing_game", 82, _over_all_orders(1))


@oracle("pointing_game", habit=True)
def pointing_game_of_an_empty_truth_is_undefined() -> Case:
    """Where nothing is true there is nothing to hit."""
    return masked(NOTHING, [FALLING] * 3, pointing_game=[nan] * 3)


def _pointing_around(expected: Sequence[float]) -> Case:
    """Point at the middle one of 5 x 5 pixels, which is true, then beside it, diagonal to it, two away and far away."""
    places = [(2, 2), (2, 1), (1, 3), (2, 4), (0, 0)]
    maps = [[float((row, column) == place) for row in range(5) for column in range(5)] for place in places]
    return masked("F" * 12 + "T" + "F" * 12, maps, torch.zeros(5, 3, 5, 5), pointing_game=expected)


@oracle("pointing_game")
def pointing_game_tolerates_pixels_near_the_truth() -> Case:
    """Within a tolerance of 2 are the pixels beside and diagonal to the truth, but not those at distance 2."""
    return replace(_pointing_around([1, 1, 1, 0, 0]), settings={"tolerance": 2})


@oracle("pointing_game")
def pointing_game_has_no_tolerance_unless_told() -> Case:
    """The pixels beside the truth are not the truth."""
    return _pointing_around([1, 0, 0, 0, 0])


@oracle("top_k_intersection")
def top_k_intersection_counts_the_first_of_a_fixed_share() -> Case:
    """Half of four asked elements are two: the truth can have two, one or none of them."""
    maps = [[4.0, 3.0, 2.0, 1.0, 9.0], [4.0, 2.0, 3.0, 1.0, 9.0], [-4.0, -3.0, -2.0, -1.0, 9.0]]
    return replace(masked("TTFF.", maps, top_k_intersection=[1.0, 1 / 2, 0.0]), settings={"share": 0.5})


@oracle("top_k_intersection")
def top_k_intersection_of_forty_elements_takes_two() -> Case:
    """A share of 0.05, as it is unless told, is two of forty, or one of the twenty that are asked about.

    One that is true cannot fill both places.
    """
    first = [40.0 - place for place in range(40)]
    masks = ["T" * 10 + "F" * 30, "T" + "F" * 39, "FT" + "F" * 38, "FF" + "T" * 38, "T" + "F" * 19 + "." * 20]
    return masked(masks, [first] * 5, top_k_intersection=[1.0, 1 / 2, 1 / 2, 0.0, 1.0])


@oracle("top_k_intersection")
def top_k_intersection_takes_at_least_one() -> Case:
    """A share of 0.05 of four elements is still one, and it is the most relevant."""
    maps = [FALLING, [3.0, 4.0, 2.0, 1.0]]
    return masked("TFFF", maps, top_k_intersection=[1.0, 0.0])


@oracle("top_k_intersection", habit=True)
def top_k_intersection_of_a_constant_map_is_the_share_of_the_truth() -> Case:
    """Where all elements are tied, the k first hold as much truth as all of them."""
    case = masked(SHARES, FLAT, top_k_intersection=[1 / 4, 1 / 2, 3 / 4, 2 / 3, 1 / 4])
    return replace(case, settings={"share": 0.5})


@oracle("top_k_intersection", habit=True)
def top_k_intersection_is_the_mean_over_all_orders_of_ties() -> Case:
    """Every order of the elements is tried; a share of a thousandth takes the first one."""
    return replace(drawn("top_k_intersection", 83, _over_all_orders(1)), settings={"share": 0.001})


@oracle("top_k_intersection", habit=True)
def top_k_intersection_of_an_empty_truth_is_undefined_and_of_a_full_one_is_one() -> Case:
    """Where nothing is true, 0 would look like a bad map; where everything is, no map can miss."""
    maps = [FALLING] * 5
    return masked([*NOTHING, "TTTT", "T..."], maps, top_k_intersection=[nan, nan, nan, 1.0, 1.0])
