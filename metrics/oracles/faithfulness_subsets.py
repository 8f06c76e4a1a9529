"""Proofs of the metrics of faithfulness that add up relevance over subsets of units."""

from math import nan

from torch import Tensor

from ...benchmark.checks import Case, oracle
from ._maps import Score, asked_about, blind, every, judged, pearson, spearman, subsets, total

WORTH = [4.0, -1.0, 2.0, 0.5, 3.0]
FLAT = [1.0] * 5
NEARLY = [1.0, 1 + 1e-13, 1 - 1e-13, 1 + 2e-13, 1.0]
"""Constant but for the rounding of sums."""
NOTHING = [0.0] * 5
SIX = [1.0] * 6
PAIRS = {"size": 0.4}
"""Subsets of two of five units: there are ten."""
LENGTH = sum(value**2 for value in WORTH)
SQUARES = (3 * LENGTH + sum(WORTH) ** 2) / 10
"""The mean of (w_i + w_j)^2 over the ten pairs: each worth is in four of them, and each product counts twice."""


def _interacting(x: Tensor) -> Tensor:
    return x[:, 0] * x[:, 1] + 2 * x[:, 2] - x[:, 3] * x[:, 4] * x[:, 5] + x[:, 5]


INPUT = [1.0, 2.0, -1.0, 0.5, 3.0, 1.5]
SOME = [[1.0, 2.0, -2.0, 0.25, 3.0, 1.0], [0.0, 0.0, 1.0, 0.0, -1.0, 1.0], [3.0, 3.0, -3.0, 1.0, 2.0, 2.0]]
"""Maps of that input: one with all different values, two with ties."""


def _best(forecast: list[float], fall: list[float]) -> float:
    """Return the mean squared error at the best factor that is not negative."""
    both = sum(a * b for a, b in zip(forecast, fall, strict=True))
    scale = max(0.0, both / sum(a * a for a in forecast))
    return _error([scale * a for a in forecast], fall)


def _error(forecast: list[float], fall: list[float]) -> float:
    return sum((a - b) ** 2 for a, b in zip(forecast, fall, strict=True)) / len(fall)


@oracle("subset_correlations")
def subsets_of_an_additive_model_agree_with_its_effects() -> Case:
    """The effects forecast every subset; their opposite forecasts nothing: both correlations are 1 and -1."""
    maps = [[size * value for value in WORTH] for size in (1.0, 1e-12, 1e12, -1.0, -1e-12)]
    signs, errors = [1.0, 1.0, 1.0, -1.0, -1.0], [0.0, 0.0, 0.0, SQUARES, SQUARES]
    question = asked_about(total, WORTH, 5)
    return judged(question, maps, PAIRS, faithfulness_correlation=signs, mu_fidelity=signs, infidelity=errors)


@oracle("subset_correlations", habit=True)
def subsets_of_a_constant_or_zero_map_have_no_correlation() -> Case:
    """A constant map forecasts the mean fall, 2/5 of all worth; a zero map none. Neither can be correlated."""
    rest = SQUARES - (0.4 * sum(WORTH)) ** 2
    expected = {"faithfulness_correlation": [nan] * 3, "mu_fidelity": [nan] * 3, "infidelity": [rest, rest, SQUARES]}
    return judged(asked_about(total, WORTH, 3), [FLAT, NEARLY, NOTHING], PAIRS, **expected)


@oracle("subset_correlations", habit=True)
def subsets_of_a_blind_model_have_no_correlation() -> Case:
    """Where hiding does nothing there is nothing to correlate with, and no map is wrong after scaling it to zero."""
    question = asked_about(blind, WORTH, 1)
    return judged(question, [WORTH], PAIRS, faithfulness_correlation=[nan], mu_fidelity=[nan], infidelity=[0.0])


@oracle("subset_correlations")
def subsets_of_interacting_columns_one_by_one() -> Case:
    """Half of six interacting columns: all twenty subsets in plain loops."""
    pairs = [subsets(_interacting, INPUT, relevance, 3) for relevance in SOME]
    question = asked_about(_interacting, INPUT, 3)
    return judged(
        question,
        SOME,
        {"size": 0.5},
        faithfulness_correlation=[pearson(*pair) for pair in pairs],
        mu_fidelity=[spearman(*pair) for pair in pairs],
        infidelity=[_best(*pair) for pair in pairs],
    )


@oracle("subset_correlations")
def subsets_hide_whole_units() -> Case:
    """Three units of 1, 2 and 3 columns: their relevance is the sum, and the smallest subset is one unit."""
    units, relevance = [0, 1, 1, 2, 2, 2], [1.0, 5.0, -3.0, 1.0, 1.0, 1.0]
    forecast, fall = [1.0, 2.0, 3.0], [4.0, 1.0, 2.0]
    question = asked_about(total, [4.0, 3.0, -2.0, 0.0, 1.0, 1.0], 1, units)
    expected = {"faithfulness_correlation": [pearson(forecast, fall)], "mu_fidelity": [-0.5]}
    return judged(question, [relevance], {"size": 0.01}, **expected, infidelity=[_best(forecast, fall)])


@oracle("subset_correlations", habit=True)
def subsets_that_tie_but_for_rounding_are_tied() -> Case:
    """0.1 + 0.7 is not 0.2 + 0.6 in floating-point numbers: ranks are those of whole numbers, ten times as large."""
    whole = [1.0, 2.0, 3.0, 6.0, 7.0]
    expected = {"mu_fidelity": [spearman(*subsets(total, WORTH, whole, 2))]}
    return judged(asked_about(total, WORTH, 1), [[value / 10 for value in whole]], PAIRS, **expected)


@oracle("subset_correlations")
def subsets_never_hold_everything() -> Case:
    """All five of five units would be one subset: four of them are the most, and as many as there are units."""
    relevance = [1.0, 2.0, 3.0, 4.0, 6.0]
    pair = subsets(total, WORTH, relevance, 4)
    expected = {"faithfulness_correlation": [pearson(*pair)], "infidelity": [_best(*pair)]}
    return judged(asked_about(total, WORTH, 1), [relevance], {"size": 1.0}, **expected)


@oracle("subset_correlations", habit=True)
def random_subsets_are_all_of_one_size() -> Case:
    """The square of a sum of equal columns falls by the same without any six of twelve: only sizes could differ."""
    question = asked_about(lambda x: x.sum(1) ** 2, [1.0] * 12, 1)
    expected = {"faithfulness_correlation": [nan], "mu_fidelity": [nan], "infidelity": [0.0]}
    return judged(question, [[10.0] * 12], {"size": 0.5, "subsets": 50}, **expected)


@oracle("subset_correlations", tolerance=0.04)
def random_subsets_are_those_of_all_subsets_in_the_limit() -> Case:
    """Of 924 halves of twelve columns, 900 random ones say what all of them say."""
    x, relevance = INPUT + SOME[2], SOME[0] + INPUT
    pair = subsets(_interacting, x, relevance, 6)
    question = asked_about(_interacting, x, 1)
    expected = {"faithfulness_correlation": [pearson(*pair)], "mu_fidelity": [spearman(*pair)]}
    return judged(question, [relevance], {"size": 0.5, "subsets": 900}, **expected)


@oracle("infidelity_raw")
def raw_infidelity_of_multiples_of_the_effects() -> Case:
    """The effects c times over are off by (c - 1) of what happens: exact at 1, and as wrong at 2 as a zero map."""
    factors = [1.0, 2.0, 0.5, 0.0, -1.0]
    maps = [[factor * value for value in WORTH] for factor in factors]
    errors = [(factor - 1) ** 2 * SQUARES for factor in factors]
    return judged(asked_about(total, WORTH, 5), maps, PAIRS, infidelity_raw=errors)


@oracle("infidelity_raw")
def raw_infidelity_of_a_gradient_counts_its_scale() -> Case:
    """Slopes are no effects: that of a sum is 1 in each of five columns, of which any two are worth w_i + w_j."""
    error = SQUARES - 2 * 2 * 0.4 * sum(WORTH) + 4
    return judged(asked_about(total, WORTH, 1), [FLAT], PAIRS, infidelity_raw=[error])


@oracle("infidelity_raw")
def raw_infidelity_of_random_subsets_of_equal_columns() -> Case:
    """Without any 6 of 12 ones, their squared sum falls from 144 to 36, where ten for each forecasts 60."""
    question = asked_about(lambda x: x.sum(1) ** 2, [1.0] * 12, 1)
    return judged(question, [[10.0] * 12], {"size": 0.5, "subsets": 50}, infidelity_raw=[48.0**2])


@oracle("infidelity_raw")
def raw_infidelity_of_interacting_columns_one_by_one() -> Case:
    """Half of six interacting columns: all twenty subsets in plain loops."""
    errors = [_error(*subsets(_interacting, INPUT, relevance, 3)) for relevance in SOME]
    return judged(asked_about(_interacting, INPUT, 3), SOME, {"size": 0.5}, infidelity_raw=errors)


def _mean_correlation(score: Score, x: list[float], relevance: list[float]) -> float:
    """Return the mean over all sizes at which the correlation over all subsets is defined."""
    each = [pearson(*subsets(score, x, relevance, size)) for size in range(1, len(x))]
    known = [value for value in each if value == value]
    return sum(known) / len(known)


@oracle("sensitivity_n")
def sensitivity_n_of_an_additive_model_is_one() -> Case:
    """The effects of an additive model correlate with every subset of every size, their opposite against it."""
    maps = [[size * value for value in WORTH] for size in (1.0, 1e-12, 1e12, -1.0)]
    return judged(asked_about(total, WORTH, 4), maps, sensitivity_n=[1.0, 1.0, 1.0, -1.0])


@oracle("sensitivity_n", habit=True)
def sensitivity_n_of_a_constant_or_zero_map_is_undefined() -> Case:
    """All subsets of a size have the same relevance; and a blind model has nothing to correlate with."""
    return judged(asked_about(total, WORTH, 4), [FLAT, [0.1] * 5, NEARLY, NOTHING], sensitivity_n=[nan] * 4)


@oracle("sensitivity_n")
def sensitivity_n_of_a_blind_model_is_undefined() -> Case:
    """Where hiding does nothing there is nothing to correlate with."""
    return judged(asked_about(blind, WORTH, 1), [WORTH], sensitivity_n=[nan])


@oracle("sensitivity_n")
def sensitivity_n_of_booleans_leaves_out_sizes_that_do_the_same() -> Case:
    """Without any four of six ones, "all of the first three" is always false: sizes 4 and 5 say nothing."""
    maps = [[1.0, 1.0, 1.0, 0.0, 0.0, 0.0], [3.0, 2.0, 1.0, 0.5, -1.0, 0.0]]
    expected = [_mean_correlation(every, SIX, relevance) for relevance in maps]
    return judged(asked_about(every, SIX, 2), maps, {"sizes": 5}, sensitivity_n=expected)


@oracle("sensitivity_n")
def sensitivity_n_of_interacting_columns_one_by_one() -> Case:
    """All subsets of one to five of six interacting columns, in plain loops."""
    expected = [_mean_correlation(_interacting, INPUT, relevance) for relevance in SOME]
    return judged(asked_about(_interacting, INPUT, 3), SOME, {"sizes": 5}, sensitivity_n=expected)


@oracle("sensitivity_n")
def sensitivity_n_of_the_two_ends() -> Case:
    """Two sizes are one unit and all but one: twice the same correlation, up to sign, for a sum of columns."""
    maps = [[1.0, 2.0, 3.0, 4.0, 5.0]]
    expected = [pearson(maps[0], WORTH)]
    return judged(asked_about(total, WORTH, 1), maps, {"sizes": 2}, sensitivity_n=expected)
