"""Relevance mass, relevance rank and the pointing game against loops, hand-worked cases and random tie-breaks."""

from collections.abc import Callable
from math import comb, isnan, nan

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import metrics

NAMES = ["relevance_mass", "relevance_rank", "pointing_game"]


def ask(name: str, attribution: list[float], mask: str) -> float:
    """Score one map; the mask has T for true, F for impossible, and a dot for elements that nobody asks about."""
    truth, impossible = ([[letter == kind for letter in mask]] for kind in "TF")
    values: Tensor = metrics[name].function(
        torch.tensor([attribution], dtype=torch.float64), torch.tensor(truth), torch.tensor(impossible)
    )
    return values.item()


def slow_mass(attribution: list[float], mask: str) -> float:
    hit = total = 0.0
    for value, kind in zip(attribution, mask, strict=True):
        if kind != "." and value > 0:
            total += value
            hit += value if kind == "T" else 0.0
    return hit / total if total and "T" in mask else nan


def slow_rank(attribution: list[float], mask: str) -> float:
    """The mean over all ways to fill the last places from those that are tied for them."""
    asked = sorted(((v, kind) for v, kind in zip(attribution, mask, strict=True) if kind != "."), reverse=True)
    k = mask.count("T")
    if not k:
        return nan
    least = asked[k - 1][0]
    sure = sum(kind == "T" for value, kind in asked if value > least)
    tied = [kind for value, kind in asked if value == least]
    places = k - sum(value > least for value, _ in asked)
    mean = sum(
        hits * comb(tied.count("T"), hits) * comb(tied.count("F"), places - hits) / comb(len(tied), places)
        for hits in range(places + 1)
    )
    return (sure + mean) / k


def slow_pointing(attribution: list[float], mask: str) -> float:
    asked = [(value, kind) for value, kind in zip(attribution, mask, strict=True) if kind != "."]
    if "T" not in mask:
        return nan
    top = [kind for value, kind in asked if value == max(asked)[0]]
    return top.count("T") / len(top)


SLOW: dict[str, Callable[[list[float], str], float]] = {
    "relevance_mass": slow_mass,
    "relevance_rank": slow_rank,
    "pointing_game": slow_pointing,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rounded", [False, True])
def test_equals_slow_loops(name: str, rounded: bool) -> None:
    source = torch.Generator().manual_seed(61)
    for _ in range(60):
        values = 2 * torch.randn(12, generator=source, dtype=torch.float64)
        attribution = (values.round() if rounded else values).tolist()
        mask = "".join("TF."[kind] for kind in torch.randint(3, (12,), generator=source).tolist())
        expected = SLOW[name](attribution, mask)
        assert ask(name, attribution, mask) == pytest.approx(expected, rel=1e-12, nan_ok=True), (attribution, mask)


@pytest.mark.parametrize(
    ("name", "attribution", "mask", "expected"),
    [
        ("relevance_mass", [3.0, 1.0, -5.0, 9.0], "TFF.", 0.75),
        ("relevance_mass", [-3.0, -1.0, 0.0, 9.0], "TFF.", nan),
        ("relevance_mass", [3.0, -1.0, -2.0, 9.0], "TFF.", 1.0),
        ("relevance_mass", [0.0, 2.0, 2.0, 9.0], "TFF.", 0.0),
        ("relevance_rank", [5.0, 4.0, 3.0, 9.0], "TFT.", 0.5),
        ("relevance_rank", [-1.0, -4.0, -3.0, 9.0], "TFT.", 1.0),
        ("relevance_rank", [0.0, 0.0, 0.0, 7.0], "TFF.", 1 / 3),
        ("relevance_rank", [1.0, 0.0, 0.0, 0.0, 0.0], "TTFFF", (1 + 1 / 4) / 2),
        ("pointing_game", [5.0, 4.0, 3.0, 9.0], "TFT.", 1.0),
        ("pointing_game", [5.0, 6.0, 3.0, 9.0], "TFT.", 0.0),
        ("pointing_game", [-5.0, -6.0, -4.0, 9.0], "FFT.", 1.0),
        ("pointing_game", [2.0, 2.0, 2.0, 1.0], "TFFF", 1 / 3),
    ],
)
def test_by_hand(name: str, attribution: list[float], mask: str, expected: float) -> None:
    assert ask(name, attribution, mask) == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("value", [0.0, 1.0, -2.5, 1e-30])
@pytest.mark.parametrize("mask", ["TFFF", "TTTFFFF", "T..FF", "TT"])
def test_rank_of_a_constant_map_is_exactly_the_share_of_the_truth(value: float, mask: str) -> None:
    assert ask("relevance_rank", [value] * len(mask), mask) == mask.count("T") / len(mask.replace(".", ""))


def test_rank_of_tied_elements_is_the_mean_over_random_tie_breaks() -> None:
    attribution, mask, draws = [3.0, 2.0, 2.0, 2.0, 2.0, 1.0, 2.0, 0.0], "TTTFFTFF", 4000
    source, found = torch.Generator().manual_seed(62), []
    for _ in range(draws):
        order = torch.randperm(8, generator=source).tolist()
        order.sort(key=lambda place: -attribution[place])
        found.append(sum(mask[place] == "T" for place in order[:4]) / 4)
    mean = torch.tensor(found, dtype=torch.float64)
    error = mean.std().item() / draws**0.5
    assert abs(ask("relevance_rank", attribution, mask) - mean.mean().item()) <= 4 * error


@pytest.mark.parametrize("name", NAMES)
def test_a_truth_that_is_empty_or_unknown_is_undefined(name: str) -> None:
    for mask in ("FFF", "..."):
        assert isnan(ask(name, [1.0, 2.0, 3.0], mask)), mask


@pytest.mark.parametrize("name", NAMES)
def test_truth_scores_one_and_its_opposite_nothing(name: str) -> None:
    assert ask(name, [1.0, 1.0, 0.0, 0.0, 9.0], "TTFF.") == 1.0
    assert ask(name, [0.0, 0.0, 1.0, 1.0, 9.0], "TTFF.") == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_elements_that_nobody_asks_about_do_not_count(name: str) -> None:
    attribution = [1.0, 3.0, 2.0, 0.5]
    without = ask(name, attribution, "TFTF")
    for value in (-100.0, 0.0, 3.0, 100.0):
        assert ask(name, [*attribution, value], "TFTF.") == without
