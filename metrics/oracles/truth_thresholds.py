"""Proofs of the metrics that take relevance as a classifier of the truth, at all thresholds."""

from math import nan

from ...benchmark.checks import Case, oracle
from ._masks import FALLING, FLAT, NOTHING, SHARES, drawn, masked


@oracle("localisation_auc")
def localisation_auc_is_the_share_of_pairs_in_order() -> Case:
    """All, none, and three of four pairs of a true and another element are in order, whatever the signs."""
    maps = [FALLING, [-4.0, -3.0, -2.0, -1.0], [0.8, 0.35, 0.4, 0.1], [-0.1, -0.5, -0.4, -0.7]]
    return masked("TTFF", maps, localisation_auc=[1.0, 0.0, 3 / 4, 3 / 4])


@oracle("localisation_auc")
def localisation_auc_of_a_constant_map_is_a_half() -> Case:
    """A tie counts half, however much is true."""
    return masked(SHARES, FLAT, localisation_auc=[1 / 2] * 5)


@oracle("localisation_auc")
def localisation_auc_of_one_true_element_is_its_place() -> Case:
    """With j of nine elements below the only true one, j/9 of the pairs are in order."""
    return masked("TFFFFFFFFF", [[j - 0.5, *range(9)] for j in range(10)], localisation_auc=[j / 9 for j in range(10)])


@oracle("localisation_auc")
def localisation_auc_is_that_of_all_pairs() -> Case:
    """Every true element is compared with every other one."""

    def judged(values: list[float], mask: str) -> float:
        true, false = ([v for v, kind in zip(values, mask, strict=True) if kind == which] for which in "TF")
        wins = [1.0 if t > f else 0.5 if t == f else 0.0 for t in true for f in false]
        return sum(wins) / len(wins) if wins else nan

    return drawn("localisation_auc", 84, judged)


@oracle("localisation_auc", habit=True)
def localisation_auc_of_an_empty_or_full_truth_is_undefined() -> Case:
    """Without both kinds of elements there is no pair."""
    masks = [*NOTHING, "TTTT", "T.TT", "T..."]
    return masked(masks, [FALLING] * 6, localisation_auc=[nan] * 6)


@oracle("auprc")
def auprc_is_the_mean_precision_at_the_true_elements() -> Case:
    """True elements at the places 1 and 2, 3 and 4, 1 and 3: (1 + 1)/2, (1/3 + 2/4)/2, (1 + 2/3)/2."""
    maps = [FALLING, [-4.0, -3.0, -2.0, -1.0], [0.8, 0.35, 0.4, 0.1], [-0.1, -0.5, -0.4, -0.7]]
    return masked("TTFF", maps, auprc=[1.0, 5 / 12, 5 / 6, 5 / 6])


@oracle("auprc")
def auprc_of_a_constant_map_is_the_share_of_the_truth() -> Case:
    """All elements pass the threshold at once."""
    return masked(SHARES, FLAT, auprc=[1 / 4, 1 / 2, 3 / 4, 2 / 3, 1 / 4])


@oracle("auprc")
def auprc_of_one_true_element_is_its_place() -> Case:
    """The only true element, with j others above it, is found with precision 1/(j + 1)."""
    return masked("TFFFFFFFFF", [[8.5 - j, *range(9)] for j in range(10)], auprc=[1 / (j + 1) for j in range(10)])


@oracle("auprc")
def auprc_is_that_of_all_thresholds() -> Case:
    """Every value is tried as a threshold, from above, and precision weighted with the recall that it adds."""

    def judged(values: list[float], mask: str) -> float:
        asked = [(value, kind) for value, kind in zip(values, mask, strict=True) if kind != "."]
        total, before = 0.0, 0
        for threshold in sorted({value for value, _ in asked}, reverse=True):
            found = [kind for value, kind in asked if value >= threshold]
            total += (found.count("T") - before) * found.count("T") / len(found)
            before = found.count("T")
        return total / before if before else nan

    return drawn("auprc", 85, judged)


@oracle("auprc")
def auprc_of_an_empty_truth_is_undefined_and_of_a_full_one_is_one() -> Case:
    """Without truth there is no recall; where everything is true, precision is 1 at every threshold."""
    maps = [FALLING] * 5
    return masked([*NOTHING, "TTTT", "T..."], maps, auprc=[nan, nan, nan, 1.0, 1.0])
