"""Relevance mass, relevance rank and the pointing game against loops."""

from collections.abc import Callable
from math import comb, nan

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import metrics

NAMES = ["relevance_mass", "relevance_rank", "pointing_game"]


def ask(name: str, attribution: list[float], mask: str) -> float:
    """Score one map; the mask has T for true, F for impossible, and a dot for elements that nobody asks about."""
    truth, impossible = (torch.tensor([[letter == kind for letter in mask]]) for kind in "TF")
    x = [torch.zeros(1, len(mask))] if "x" in metrics[name].needs else []
    values: Tensor = metrics[name].function(torch.tensor([attribution], dtype=torch.float64), truth, impossible, *x)
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


@pytest.mark.parametrize("value", [0.0, 1.0, -2.5, 1e-30])
@pytest.mark.parametrize("mask", ["TFFF", "TTTFFFF", "T..FF", "TT"])
def test_rank_of_a_constant_map_is_exactly_the_share_of_the_truth(value: float, mask: str) -> None:
    assert ask("relevance_rank", [value] * len(mask), mask) == mask.count("T") / len(mask.replace(".", ""))


@pytest.mark.parametrize("name", NAMES)
def test_elements_that_nobody_asks_about_do_not_count(name: str) -> None:
    attribution = [1.0, 3.0, 2.0, 0.5]
    without = ask(name, attribution, "TFTF")
    for value in (-100.0, 0.0, 3.0, 100.0):
        assert ask(name, [*attribution, value], "TFTF.") == without
