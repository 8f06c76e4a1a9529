"""Proofs of the metrics that hide or keep the most relevant units."""

from math import exp, pi, sqrt

import torch
from torch import Tensor

from ...benchmark.checks import Case, Question, ask, oracle
from ._maps import Row, Score, any_of, asked_about, every, judged, total

SIX = [1.0] * 6
DICE = [4.0, 1.0, 6.0, 2.0, 5.0, 3.0]
FIRST = [3.0, 2.0, 1.0, -1.0, -2.0, -3.0]
"""A map that has the first three of six columns first."""

TEN = [0.5, 5.0, -1.0, 4.0, 0.25, 1.0, -2.0, 3.0, 2.0, 0.0]
"""The worth of ten units; no order that undoes itself puts them in order."""
BINS = (1, 1, 1, 2, 5)
"""The numbers of units, of ten, that are 1, 5, 10, 20 and 50 % of them, rounded up."""


def _grown(worth: Row) -> list[float]:
    """Return the score of no, one, two, … units that are worth so much each."""
    return [sum(worth[:count]) for count in range(len(worth) + 1)]


def _mean(values: Row) -> float:
    return sum(values) / len(values)


@oracle("comprehensiveness")
def comprehensiveness_of_an_additive_model_is_the_worth_of_the_top() -> Case:
    """Without the top k of ten units their worth is lost, with them alone that of all others."""
    grown, turned, whole = _grown(sorted(TEN)[::-1]), _grown(sorted(TEN)), sum(TEN)
    expected = {
        "comprehensiveness": [_mean([curve[k] for k in BINS]) for curve in (grown, grown, grown, turned)],
        "sufficiency": [_mean([whole - curve[k] for k in BINS]) for curve in (grown, grown, grown, turned)],
        "log_odds": [-9.0, -9.0, -9.0, 3.0],
    }
    maps = [[size * worth for worth in TEN] for size in (1.0, 1e-12, 1e12, -1.0)]
    return judged(asked_about(total, TEN, 4), maps, **expected)


@oracle("comprehensiveness")
def comprehensiveness_of_few_units_rounds_up() -> Case:
    """Of six units 1, 5, 10, 20 and 50 % are 1, 1, 1, 2 and 3: worth 6, 6, 6, 11 and 15 of 21."""
    expected = {"comprehensiveness": [44 / 5], "sufficiency": [61 / 5], "log_odds": [-11.0]}
    return judged(asked_about(total, DICE, 1), [DICE], **expected)


@oracle("comprehensiveness")
def comprehensiveness_of_booleans_by_hand() -> Case:
    """Of six units 1, 1, 1, 2 and 3 are hidden: an "and" of three is gone at once, and only all three suffice."""
    expected = {"comprehensiveness": [1.0, 0.0], "sufficiency": [4 / 5, 1.0], "log_odds": [-1.0, 0.0]}
    return judged(asked_about(every, SIX, 2), [FIRST, [-value for value in FIRST]], **expected)


@oracle("comprehensiveness")
def comprehensiveness_of_redundant_units_by_hand() -> Case:
    """An "or" of three is lost only without all three, and one suffices; the opposite map keeps none of them."""
    expected = {"comprehensiveness": [1 / 5, 0.0], "sufficiency": [0.0, 1.0], "log_odds": [0.0, 0.0]}
    return judged(asked_about(any_of, SIX, 2), [FIRST, [-value for value in FIRST]], **expected)


@oracle("comprehensiveness")
def comprehensiveness_of_equal_units_does_not_depend_on_ties() -> Case:
    """Constant and zero maps of ten units of worth 1: the top is any k of them."""
    expected = {"comprehensiveness": [2.0, 2.0], "sufficiency": [8.0, 8.0], "log_odds": [-2.0, -2.0]}
    return judged(asked_about(total, [1.0] * 10, 2), [[3.0] * 10, [0.0] * 10], **expected)


@oracle("comprehensiveness")
def comprehensiveness_counts_units_not_their_area() -> Case:
    """The large unit has more relevance in sum and less per element: the budget counts units, so it goes first."""
    question = asked_about(total, [2.0, 1.0, 1.0, 1.0], 1, [0, 1, 1, 1])
    expected = {"comprehensiveness": [3.0], "sufficiency": [2.0], "log_odds": [-3.0]}
    return judged(question, [[2.0, 1.0, 1.0, 1.0]], **expected)


def _three(x: Tensor) -> Tensor:
    return torch.stack([x.sum(1), torch.ones_like(x[:, 0]), x[:, 0]], 1)


@oracle("comprehensiveness")
def log_odds_are_against_all_other_classes() -> Case:
    """The probability of one of three classes falls; its log-odds against both others are written out."""

    def odds(own: float, first: float) -> float:
        return own - torch.tensor([1.0, first]).double().logsumexp(0).item()

    def chance(own: float, first: float) -> float:
        return exp(own) / (exp(own) + exp(1.0) + exp(first))

    whole, left = (10.0, 4.0), (6.0, 0.0)
    lost = [chance(*whole) - chance(own, 0.0) for own in (6.0, 6.0, 6.0, 6.0, 3.0)]
    kept = [chance(*whole) - chance(own, 4.0) for own in (4.0, 4.0, 4.0, 4.0, 7.0)]
    expected = {
        "comprehensiveness": [_mean(lost)],
        "sufficiency": [_mean(kept)],
        "log_odds": [odds(*left) - odds(*whole)],
    }
    worth = [4.0, 3.0, 2.0, 1.0]
    return judged(asked_about(_three, worth, 1, readout="probability"), [worth], **expected)


ROAD = {"imputer": "baseline"}
"""The imputer for hidden columns, which have no neighbours to take a value from."""


def _shares(counts: Row, curve: Row) -> float:
    return _mean([curve[int(count)] for count in counts])


@oracle("road")
def road_of_ten_equal_areas_hides_one_more_each_time() -> Case:
    """10 to 90 % of ten units are 1 to 9 of them, from either end of the order."""
    grown, turned, whole = _grown(sorted(TEN)[::-1]), _grown(sorted(TEN)), sum(TEN)
    morf, lerf = (whole - _mean(curve[1:10]) for curve in (grown, turned))
    expected = {
        "road_morf": [morf, morf, morf, lerf],
        "road_lerf": [lerf, lerf, lerf, morf],
        "road_gap": [lerf - morf, lerf - morf, lerf - morf, morf - lerf],
    }
    maps = [[size * worth for worth in TEN] for size in (1.0, 1e-12, 1e12, -1.0)]
    return judged(asked_about(total, TEN, 4), maps, ROAD, **expected)


@oracle("road")
def road_of_few_units_hides_the_nearest_number() -> Case:
    """Of six units 10, 20, … 90 % are nearest to 1, 1, 2, 2, 3, 4, 4, 5 and 5."""
    counts = (1, 1, 2, 2, 3, 4, 4, 5, 5)
    lerf, morf = (21 - _shares(counts, _grown(each)) for each in (sorted(DICE), sorted(DICE)[::-1]))
    expected = {"road_morf": [morf], "road_lerf": [lerf], "road_gap": [lerf - morf]}
    return judged(asked_about(total, DICE, 1), [DICE], ROAD, **expected)


@oracle("road")
def road_of_uneven_units_goes_by_area() -> Case:
    """Units of 1, 3 and 6 elements, the smallest the most relevant: 1 or 4 of ten are hidden first, 6 or 9 last."""
    units = [0, 1, 1, 1, 2, 2, 2, 2, 2, 2]
    x = [3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    morf = _mean([12.0, 12.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0])
    lerf = _mean([9.0] * 7 + [3.0] * 2)
    expected = {"road_morf": [morf], "road_lerf": [lerf], "road_gap": [lerf - morf]}
    return judged(asked_about(total, x, 1, units), [x], ROAD, **expected)


@oracle("road")
def road_of_equal_units_does_not_depend_on_ties() -> Case:
    """Constant, zero and mostly zero maps of ten units of worth 1 hide as many as any other: half on average."""
    maps = [[1.0] * 10, [0.0] * 10, [1.0] + [0.0] * 9]
    expected = {"road_morf": [5.0] * 3, "road_lerf": [5.0] * 3, "road_gap": [0.0] * 3}
    return judged(asked_about(total, [1.0] * 10, 3), maps, ROAD, **expected)


def _unlike(x: Tensor) -> Tensor:
    """Count the pixels of a picture of one colour that differ from it, as a share."""
    return (x != 0.5).any(1).double().mean((1, 2))


@oracle("road")
def road_replaces_exactly_what_it_says_by_noise() -> Case:
    """Pictures with 94 % of relevance zero: noise makes each hidden pixel differ, 10 to 90 of a hundred, never all."""
    x = torch.full((2, 3, 10, 10), 0.5, dtype=torch.float64)
    rectified = [float(place % 17 == 0) for place in range(100)]
    expected = {"road_morf": [0.5] * 2, "road_lerf": [0.5] * 2, "road_gap": [0.0] * 2}
    return judged(ask(_unlike, x), [rectified, [1.0] * 100], **expected)


@oracle("road", tolerance=0.01)
def road_of_one_colour_fills_in_that_colour() -> Case:
    """From neighbours of one colour comes that colour, but for a little noise: the mean stays, whatever is hidden."""
    x = torch.full((1, 3, 10, 10), 0.5, dtype=torch.float64)
    expected = {"road_morf": [0.5], "road_lerf": [0.5], "road_gap": [0.0]}
    question = ask(lambda x: x.mean((1, 2, 3)), x)
    return judged(question, [[float(place) for place in range(100)]], **expected)


EIGHT = [3.0, 8.0, 1.0, -7.0, 2.0, 6.0, 5.0, -4.0]
SPREADS = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
"""The standard deviation of each of eight columns over the pool."""


def _noisy(score: Score, x: Row, count: int, spreads: Row) -> Question:
    """Ask about a row beside a pool of two, each one standard deviation from 100."""
    pool = 100 + torch.tensor([spreads, [-value for value in spreads]], dtype=torch.float64)
    return ask(score, torch.tensor([x], dtype=torch.float64).expand(count, -1), pool=pool)


def _moved(x: Tensor) -> Tensor:
    """Add up what each column of a row of ones is worth, of those that are no longer one."""
    return ((x != 1) * torch.tensor(EIGHT, dtype=torch.float64)).sum(1)


@oracle("prediction_gap")
def gaps_are_those_of_exactly_the_units_under_noise() -> Case:
    """Any noise is worth the column's weight: 8 - 7 on the top quarter of eight, 13 on the rest; magnitudes count."""
    maps = [[size * value for value in EIGHT] for size in (1.0, 1e-12, 1e12, -1.0)]
    return judged(_noisy(_moved, [1.0] * 8, 4, SPREADS), maps, pgi=[1.0] * 4, pgu=[13.0] * 4)


@oracle("prediction_gap")
def gaps_of_other_shares_round_up() -> Case:
    """30 % of eight columns are the first three, worth 8 - 7 + 6 together."""
    return judged(_noisy(_moved, [1.0] * 8, 1, SPREADS), [EIGHT], {"share": 0.3}, pgi=[7.0], pgu=[7.0])


@oracle("prediction_gap")
def gaps_are_zero_where_a_column_never_varies() -> Case:
    """A column that is the same in the whole pool has no noise: of the top two only one is moved."""
    question = _noisy(_moved, [1.0] * 8, 1, [1.0, 0.0, *SPREADS[2:]])
    return judged(question, [EIGHT], pgi=[7.0], pgu=[13.0])


@oracle("prediction_gap")
def gaps_of_equal_units_do_not_depend_on_ties() -> Case:
    """Constant and zero maps put noise on any two of eight columns that are worth 1 each."""
    question = _noisy(lambda x: (x != 1).sum(1).double(), [1.0] * 8, 2, SPREADS)
    return judged(question, [[1.0] * 8, [0.0] * 8], pgi=[2.0, 2.0], pgu=[6.0, 6.0])


@oracle("prediction_gap", tolerance=0.05)
def gaps_of_a_linear_model_are_those_of_a_half_normal() -> Case:
    """The sum of columns moves by a normal of variance noise² · Σ σ², whose mean magnitude is √(2/π) of its width."""
    first = [SPREADS[1], SPREADS[3]]
    others = [spread for spread in SPREADS if spread not in first]
    top, rest = (0.1 * sqrt(2 / pi * sum(spread**2 for spread in part)) for part in (first, others))
    question = _noisy(total, [1.0] * 8, 1, SPREADS)
    return judged(question, [EIGHT], {"noise": 0.1, "draws": 4000}, pgi=[top], pgu=[rest])
