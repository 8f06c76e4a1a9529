"""Correlation, cosine and contrast with the true effects, against scipy and loops."""

from math import isnan, nan, sqrt

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Method, Network, Truth, methods, metrics
from heatproof.benchmark.harness import Asked, explain, score

PARTS = torch.tensor([[0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 3, 4, 4, -1, -1]])


def per_part(attribution: list[float]) -> list[float]:
    """Sum over the elements of each part of PARTS, by hand."""
    total = [0.0] * 5
    for value, part in zip(attribution, PARTS[0].tolist(), strict=True):
        if part >= 0:
            total[part] += value
    return total


def ask(name: str, attribution: list[float], effect: list[float]) -> float:
    values: Tensor = metrics[name].function(
        torch.tensor([attribution], dtype=torch.float64), torch.tensor([effect], dtype=torch.float64), PARTS
    )
    return values.item()


def drawn(seed: int, rounded: bool) -> tuple[list[float], list[float]]:
    source = torch.Generator().manual_seed(seed)
    attribution, effect = (torch.randn(size, generator=source, dtype=torch.float64) for size in (15, 5))
    return (
        (attribution.round().tolist(), effect.round().tolist()) if rounded else (attribution.tolist(), effect.tolist())
    )


@pytest.mark.parametrize("rounded", [False, True])
def test_correlation_is_scipys_spearman(rounded: bool) -> None:
    compared = 0
    for seed in range(40):
        attribution, effect = drawn(seed, rounded)
        relevance, found = per_part(attribution), ask("effect_correlation", attribution, effect)
        if len(set(relevance)) == 1 or len(set(effect)) == 1:
            assert isnan(found)
        else:
            assert found == pytest.approx(spearmanr(relevance, effect).statistic, rel=1e-12, abs=1e-12)
            compared += 1
    assert compared > 30


@pytest.mark.parametrize("rounded", [False, True])
def test_cosine_is_that_of_a_loop(rounded: bool) -> None:
    for seed in range(40):
        attribution, effect = drawn(seed, rounded)
        relevance = per_part(attribution)
        length = sqrt(sum(a * a for a in relevance)) * sqrt(sum(e * e for e in effect))
        product = sum(a * e for a, e in zip(relevance, effect, strict=True))
        expected = product / length if length else nan
        assert ask("effect_cosine", attribution, effect) == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", ["effect_correlation", "effect_cosine"])
def test_units_that_rounding_splits_are_still_tied(name: str) -> None:
    """The truth, spread over elements, still agrees perfectly with itself."""
    effect = [0.9, 0.9, 0.9, -1.8, -1.8]
    spread = [effect[part] / PARTS[0].tolist().count(part) if part >= 0 else 0.0 for part in PARTS[0].tolist()]
    assert len(set(per_part(spread))) > 2, "rounding splits the ties, or this proves nothing"
    assert ask(name, spread, effect) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0, 1e6, 1e12])
def test_cosine_is_safe_at_any_magnitude(scale: float) -> None:
    attribution, effect = drawn(3, rounded=False)
    expected = ask("effect_cosine", attribution, effect)
    huge = [scale * 1e150 * value for value in attribution]
    assert ask("effect_cosine", huge, effect) == pytest.approx(expected, rel=1e-12)
    tiny = [scale * 1e-150 * value for value in attribution]
    assert ask("effect_cosine", tiny, effect) == pytest.approx(expected, rel=1e-12)


def contrast(effect: Tensor, rival_effect: Tensor, answer: Method) -> list[float]:
    """Put the contrast to a method that answers for target 0, whose rival is target 1."""
    count = len(effect)
    x = torch.rand(count, 5, generator=torch.Generator().manual_seed(63))
    units, rival = torch.arange(5).expand(count, -1), torch.ones(count, dtype=torch.int64)
    truth = Truth(units, effect=effect, rival=rival, rival_effect=rival_effect)
    batch = Batch(tuple(map(str, range(count))), x, rival - 1, units, torch.zeros_like(x), truth)
    gate = Gate(Network(nn.Linear(5, 2)))
    maps, _ = explain(Asked(answer, {}), gate, batch)
    found = score(Asked(metrics["effect_contrast"], {}), gate, batch, maps, Asked(answer, {}))[0]
    values: list[float] = found["effect_contrast"].tolist()
    return values


def answering(own: Tensor, other: Tensor) -> Method:
    """Make a method of the maps for target 0 and for target 1."""

    def prepared(x: Tensor, target: Tensor) -> Tensor:
        """The map that was prepared for the target."""
        return torch.where((target == 0)[:, None], own, other)

    return Method(prepared)


EFFECTS = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(64), dtype=torch.float64)


def test_contrast_of_a_map_that_ignores_the_question_is_exactly_zero() -> None:
    own, other = EFFECTS
    assert contrast(own, other, answering(own, own)) == [0.0] * 6
    for name in ("constant", "random", "input_magnitude"):
        assert contrast(own, other, methods[name]) == [0.0] * 6


def test_contrast_is_that_of_a_loop() -> None:
    maps = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(65))
    found = contrast(*EFFECTS, answering(*maps))
    for i in range(6):
        own, other, effect, rival = (
            [value / sqrt(sum(v * v for v in row)) for value in row]
            for row in (each[i].double().tolist() for each in (*maps, *EFFECTS))
        )
        true = [a - b for a, b in zip(effect, rival, strict=True)]
        asked = [a - b for a, b in zip(own, other, strict=True)]
        expected = sum(a * t for a, t in zip(asked, true, strict=True)) / sum(t * t for t in true)
        assert found[i] == pytest.approx(expected, rel=1e-9)
