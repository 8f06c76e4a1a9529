"""Proofs of the axioms about single networks: methods that keep them, methods that break them by known amounts."""

from math import exp, nan

import torch

from ...benchmark.checks import Case, ask, oracle
from . import _methods as by
from ._methods import ROWS, TWOS, UNDEFINED, WEIGHTS, ZERO, about, flat, smooth


@oracle("completeness")
def completeness_of_gradient_times_difference_in_a_linear_model() -> Case:
    """The terms of a weighted sum add up to its change, for any baseline."""
    baseline = torch.arange(8.0).double()[None]
    maps = WEIGHTS * (ROWS - baseline)
    return about(ask(lambda x: x @ WEIGHTS, ROWS, baseline=baseline), None, maps, completeness=ZERO)


@oracle("completeness")
def completeness_is_the_gap_relative_to_the_change() -> Case:
    """The score changes by 16: maps that add up to 8, 24 and -16 miss a half, a half and twice of it."""
    maps = torch.tensor([1.0, 3.0, -2.0])[:, None].expand(3, 8)
    return about(ask(lambda x: x.sum(1), TWOS), None, maps, completeness=[1 / 2, 1 / 2, 2])


@oracle("completeness")
def completeness_reads_the_sum_alone() -> Case:
    """All of the change on one column is as complete as an even share, though it is on the wrong one."""
    maps = torch.zeros(3, 8)
    maps[:, 7] = 16
    return about(ask(lambda x: 8 * x[:, 0], TWOS), None, maps, completeness=ZERO)


@oracle("completeness")
def completeness_of_a_zero_map_is_all_that_is_missing() -> Case:
    """Nothing explains nothing of the change."""
    return about(ask(smooth, ROWS), None, torch.zeros(3, 8), completeness=[1.0] * 3)


@oracle("completeness")
def completeness_is_of_the_readout() -> Case:
    """The probability rises from 1/2 to sigmoid(16), not by 16."""
    change = 1 / (1 + exp(-16)) - 1 / 2
    maps = torch.full((3, 8), change / 8)
    return about(ask(lambda x: x.sum(1), TWOS, readout="probability"), None, maps, completeness=ZERO)


@oracle("completeness")
def completeness_without_a_change_is_undefined() -> Case:
    """A network that reads nothing has nothing to divide by."""
    return about(ask(flat, ROWS), None, ROWS, completeness=UNDEFINED)


@oracle("dummy")
def dummy_of_the_gradient_of_a_blind_network_is_nothing() -> Case:
    """The gradient, zero nowhere before the network is blind, is zero where it cannot see."""
    return about(ask(smooth, ROWS), by.gradient, dummy=ZERO)


@oracle("dummy")
def dummy_of_a_constant_map_is_the_share_of_the_band() -> Case:
    """Two of eight columns cannot be seen."""
    return about(ask(smooth, ROWS), by.ones, dummy=[1 / 4] * 3)


@oracle("dummy")
def dummy_of_the_input_is_the_share_of_its_magnitude() -> Case:
    """A method that shows the input: the magnitudes of columns 2 and 3, over all."""
    shares = [sum(abs(row[i]) for i in (2, 3)) / sum(map(abs, row)) for row in ROWS.tolist()]
    return about(ask(smooth, ROWS), by.the_input, dummy=shares)


@oracle("dummy")
def dummy_replaces_the_band_by_the_baseline() -> Case:
    """The sum of two columns whose baseline is 3 becomes 6 for any input: beside it, a 1 in the band is 1/7."""
    question = ask(lambda x: x[:, 2:4].sum(1), ROWS, baseline=torch.full((1, 8), 3.0))
    return about(question, by.score_and_band, dummy=[1 / 7] * 3)


@oracle("dummy")
def dummy_counts_units_that_lie_wholly_in_the_band() -> Case:
    """Columns 2 and 3: a unit of their own counts, two units that reach beyond do not, and leave nothing to ask."""
    units = torch.tensor([[0, 0, 1, 1, 2, 2, 2, 2], [0, 0, 0, 1, 1, 1, 2, 2], [0, 1, 2, 1, 0, 0, 0, 0]])
    return about(ask(smooth, ROWS, units=units), by.ones, dummy=[1 / 4, nan, 1 / 8])


@oracle("dummy")
def dummy_leaves_out_what_is_in_no_unit() -> Case:
    """Of the two columns in the band, one is a unit."""
    units = torch.tensor([[0, 0, 1, -1, 2, 2, -1, 2]])
    return about(ask(smooth, ROWS, units=units), by.ones, dummy=[1 / 8] * 3)


@oracle("dummy")
def dummy_of_pictures_is_blind_to_rows() -> Case:
    """Of 8 x 3 pictures, rows 2 and 3: elements 7 to 12 of the 24, numbered from 1."""
    x = torch.arange(1.0, 97.0).double().reshape(2, 2, 8, 3)
    question = ask(lambda x: (x**2).flatten(1).sum(1), x)
    return about(question, by.places, dummy=[sum(range(7, 13)) / sum(range(1, 25))] * 2)


@oracle("dummy")
def dummy_of_a_zero_map_is_undefined() -> Case:
    """Nothing has no share."""
    return about(ask(smooth, ROWS), by.nothing, dummy=UNDEFINED)


@oracle("only_difference")
def only_difference_of_gradient_times_input_is_nothing() -> Case:
    """From zeros, an input that differs in one column has relevance there alone."""
    return about(ask(smooth, ROWS), by.times_input, only_difference=ZERO)


@oracle("only_difference")
def only_difference_of_the_gradient_of_a_sum_is_all_but_one_column() -> Case:
    """The gradient of a sum is the same for all eight columns, whichever differs."""
    return about(ask(lambda x: x.sum(1), ROWS), by.gradient, only_difference=[7 / 8] * 3)


@oracle("only_difference")
def only_difference_is_a_unit_of_two_columns() -> Case:
    """One of four units differs."""
    units = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3]])
    return about(ask(lambda x: x.sum(1), TWOS, units=units), by.ones, only_difference=[3 / 4] * 3)


@oracle("only_difference")
def only_difference_is_one_that_changes_the_score() -> Case:
    """Where the network reads column 4 alone, that is the one: the fifth of 1 + ... + 8."""
    return about(ask(lambda x: x[:, 4], ROWS), by.places, only_difference=[1 - 5 / 36] * 3)


@oracle("only_difference")
def only_difference_is_to_the_baseline() -> Case:
    """A method that shows the input, a 2 beside seven baselines of 1: 7/9 is beside."""
    question = ask(lambda x: x.sum(1), TWOS, baseline=torch.ones(1, 8))
    return about(question, by.the_input, only_difference=[7 / 9] * 3)


@oracle("only_difference")
def only_difference_is_a_unit_even_where_some_columns_are_in_none() -> Case:
    """Columns in no unit become the baseline, too: a 2 beside seven baselines of 1."""
    question = ask(
        lambda x: x.sum(1), TWOS, baseline=torch.ones(1, 8), units=torch.tensor([[0, -1, 1, -1, 2, 3, -1, -1]])
    )
    return about(question, by.the_input, only_difference=[7 / 9] * 3)


@oracle("only_difference")
def only_difference_of_a_saturated_gradient_is_missed() -> Case:
    """The score rises to its limit and the gradient there is zero: the map misses the only difference."""
    return about(ask(lambda x: x.sum(1).clamp(max=1), TWOS), by.gradient, only_difference=[1.0] * 3)


@oracle("only_difference")
def only_difference_without_a_change_is_undefined() -> Case:
    """A network that reads nothing, and one whose input is the baseline."""
    return about(ask(flat, ROWS), by.ones, only_difference=UNDEFINED)


@oracle("symmetry")
def symmetry_of_a_gradient() -> Case:
    """Behind the mirror, columns with different weights play the same part."""
    return about(ask(smooth, ROWS), by.gradient, symmetry=ZERO)


@oracle("symmetry")
def symmetry_of_a_path_from_a_lopsided_baseline() -> Case:
    """Input and baseline are symmetric, too, where neither was."""
    question = ask(smooth, ROWS, baseline=torch.arange(8.0)[None])
    return about(question, by.times_difference, symmetry=ZERO)


@oracle("symmetry")
def symmetry_of_a_map_that_grows_to_the_right() -> Case:
    """1 ... 8 differs from 8 ... 1 by 7 + 5 + 3 + 1 on each side, and both add up to 36."""
    return about(ask(smooth, ROWS), by.places, symmetry=[32 / 72] * 3)


@oracle("symmetry")
def symmetry_of_one_side_is_worst() -> Case:
    """A map of the left half has nothing in common with its mirror image, in columns and in pictures."""
    pictures = torch.arange(24.0).double().reshape(3, 2, 1, 4)
    return about(ask(lambda x: x.flatten(1).sum(1), pictures), by.first_half, symmetry=[1.0] * 3)


@oracle("symmetry")
def symmetry_of_opposite_signs_is_worst() -> Case:
    """Magnitudes are symmetric, signs are opposite."""
    return about(ask(smooth, ROWS), by.opposite_halves, symmetry=[1.0] * 3)


@oracle("symmetry")
def symmetry_mirrors_columns_of_pictures_not_rows() -> Case:
    """A map of the upper row is its own mirror image."""
    pictures = torch.arange(24.0).double().reshape(3, 2, 2, 2)
    return about(ask(lambda x: x.flatten(1).sum(1), pictures), by.first_half, symmetry=ZERO)


@oracle("symmetry")
def symmetry_needs_mirrored_units() -> Case:
    """Units that mirror each other or themselves will do, others are not exchangeable; so what is in none of them."""
    units = torch.tensor([[0, 0, 1, 2, 2, 1, 0, 0], [0, 0, 0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 2, 2, 2, 2]])
    return about(ask(smooth, ROWS, units=units), by.ones, symmetry=[0, 0, nan])


@oracle("symmetry")
def symmetry_mirrors_what_is_in_no_unit() -> Case:
    """Both ends in no unit; one of them; both, around units that are not mirrored."""
    units = torch.tensor([[-1, 0, 1, 2, 2, 1, 0, -1], [-1, 0, 1, 2, 2, 1, 0, 0], [-1, 0, 1, 2, 2, 1, 1, -1]])
    return about(ask(smooth, ROWS, units=units), by.ones, symmetry=[0, nan, nan])


@oracle("symmetry")
def symmetry_of_a_zero_map_is_undefined() -> Case:
    """Nothing is not like anything."""
    return about(ask(smooth, ROWS), by.nothing, symmetry=UNDEFINED)
