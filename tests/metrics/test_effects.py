"""Correlation, cosine and contrast with the true effects, against scipy and loops."""

from itertools import product
from math import isnan, nan, sqrt

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Method, Network, Refused, Truth, methods, metrics
from heatproof.benchmark.harness import Asked, explain, score

PARTS = torch.tensor([[0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 3, 4, 4, -1, -1]])


def per_part(attribution: list[float]) -> list[float]:
    """Sum over the elements of each part of PARTS, by hand."""
    total = [0.0] * 5
    for value, part in zip(attribution, PARTS[0].tolist(), strict=True):
        if part >= 0:
            total[part] += value
    return total


def ask(name: str, attribution: list[float], effect: list[float], **settings: object) -> float:
    maps, true = (torch.tensor([row], dtype=torch.float64) for row in (attribution, effect))
    offers = {"attribution": maps, "effect": true, "parts": PARTS, "x": maps, "values": {"shapley": true}}
    values: Tensor = metrics[name].function(*(offers[word] for word in metrics[name].needs), **settings)
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


def slow_pearson(found: list[float], true: list[float]) -> float:
    """Pearson's correlation by its definition, 0 where nothing is found and NaN where nothing is true."""
    if max(true) == min(true):
        return nan
    if max(found) == min(found):
        return 0.0
    moved = [[value - sum(row) / len(row) for value in row] for row in (found, true)]
    product = sum(a * b for a, b in zip(*moved, strict=True))
    return product / sqrt(sum(a * a for a in moved[0]) * sum(b * b for b in moved[1]))


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("name", ["centred_cosine", "value_correlation"])
def test_centred_cosine_is_pearsons_of_a_loop(name: str, rounded: bool) -> None:
    for seed in range(40):
        attribution, effect = drawn(seed, rounded)
        expected = slow_pearson(per_part(attribution), effect)
        found = ask(name, attribution, effect)
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("rounded", [False, True])
def test_centred_cosine_of_magnitudes_is_pearsons_of_magnitudes(rounded: bool) -> None:
    for seed in range(40):
        attribution, effect = drawn(seed, rounded)
        expected = slow_pearson([abs(value) for value in per_part(attribution)], [abs(value) for value in effect])
        found = ask("centred_cosine", attribution, effect, sign="magnitude")
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def slow_margin(parts: list[list[int]], tolerance: int) -> list[int]:
    """The part of each pixel, looking at all pixels of all parts."""
    height, width = len(parts), len(parts[0])
    found = []
    for row, column in product(range(height), range(width)):
        near = {
            parts[other][place]
            for other, place in product(range(height), range(width))
            if parts[other][place] >= 0 and max(abs(other - row), abs(place - column)) <= tolerance
        }
        own = parts[row][column]
        found.append(own if own >= 0 else near.pop() if len(near) == 1 else -1)
    return found


@pytest.mark.parametrize("tolerance", [0, 1, 2, 3, 30])
def test_a_margin_is_that_of_a_loop(tolerance: int) -> None:
    source = torch.Generator().manual_seed(70)
    x, effect = torch.zeros(3, 2, 7, 9), torch.randn(3, 4, generator=source).double()
    parts = torch.randint(-60, 4, (3, 63), generator=source).clamp(min=-1)
    maps = torch.randn(3, 63, generator=source).double()
    found = metrics["centred_cosine"].function(maps, effect, parts, x, tolerance=tolerance)
    changed = 0
    for row in range(3):
        wide = slow_margin(parts[row].reshape(7, 9).tolist(), tolerance)
        changed += wide != parts[row].tolist()
        total = [sum(float(maps[row, e]) for e, part in enumerate(wide) if part == p) for p in range(4)]
        assert float(found[row]) == pytest.approx(slow_pearson(total, effect[row].tolist()), rel=1e-12)
    assert changed == (3 if 0 < tolerance < 30 else 0), "of a margin as wide as the picture all is near all parts"


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"sign": "absolute"}, ValueError, "sign 'absolute' is unknown; choose one of signed, magnitude"),
        ({"tolerance": -1}, ValueError, "tolerance is -1; expected a number of pixels, at least 0"),
        ({"tolerance": 2}, Refused, r"a tolerance is in pixels of a picture \(N, C, H, W\); x has shape \(1, 15\)"),
    ],
)
def test_conventions_that_cannot_be_served_say_why(
    settings: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ask("centred_cosine", *drawn(0, rounded=False), **settings)


@pytest.mark.parametrize("rounded", [False, True])
def test_cosine_is_that_of_a_loop(rounded: bool) -> None:
    for seed in range(40):
        attribution, effect = drawn(seed, rounded)
        relevance = per_part(attribution)
        length = sqrt(sum(a * a for a in relevance)) * sqrt(sum(e * e for e in effect))
        product = sum(a * e for a, e in zip(relevance, effect, strict=True))
        expected = product / length if length else nan
        assert ask("effect_cosine", attribution, effect) == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", ["effect_correlation", "effect_cosine", "centred_cosine"])
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


def contrast(effect: Tensor, rival_effect: Tensor, answer: Method, name: str = "effect_contrast") -> list[float]:
    """Put a contrast to a method that answers for target 0, whose rival is target 1."""
    count = len(effect)
    x = torch.rand(count, 5, generator=torch.Generator().manual_seed(63))
    units, rival = torch.arange(5).expand(count, -1), torch.ones(count, dtype=torch.int64)
    truth = Truth(units, effect=effect, values={"shapley": effect}, rival=rival, rival_effect=rival_effect)
    batch = Batch(tuple(map(str, range(count))), x, rival - 1, units, torch.zeros_like(x), truth)
    gate = Gate(Network(nn.Linear(5, 2)))
    maps, _ = explain(Asked(answer, {}), gate, batch)
    found = score(Asked(metrics[name], {}), gate, batch, maps, Asked(answer, {}))[0]
    values: list[float] = found[name].tolist()
    return values


def answering(own: Tensor, other: Tensor) -> Method:
    """Make a method of the maps for target 0 and for target 1."""

    def prepared(x: Tensor, target: Tensor) -> Tensor:
        """The map that was prepared for the target."""
        return torch.where((target == 0)[:, None], own, other)

    return Method(prepared)


EFFECTS = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(64), dtype=torch.float64)


@pytest.mark.parametrize("score", ["effect_contrast", "centred_contrast"])
def test_contrast_of_a_map_that_ignores_the_question_is_exactly_zero(score: str) -> None:
    own, other = EFFECTS
    assert contrast(own, other, answering(own, own), score) == [0.0] * 6
    for name in ("constant", "random", "input_magnitude"):
        assert contrast(own, other, methods[name], score) == [0.0] * 6


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


@pytest.mark.parametrize("rounded", [False, True])
def test_centred_contrast_is_pearsons_of_the_differences(rounded: bool) -> None:
    maps = 3 * torch.randn(2, 60, 5, generator=torch.Generator().manual_seed(66))
    effects = 3 * torch.randn(2, 60, 5, generator=torch.Generator().manual_seed(67), dtype=torch.float64)
    if rounded:
        maps, effects = maps.round(), effects.round()
    found = contrast(*effects, answering(*maps), name="centred_contrast")
    for i in range(60):
        asked, true = ((each[0, i].double() - each[1, i].double()).tolist() for each in (maps, effects))
        assert found[i] == pytest.approx(slow_pearson(asked, true), rel=1e-6, abs=1e-6, nan_ok=True)


def contrastive(effect: Tensor, rival_effect: Tensor) -> list[Tensor]:
    """Maps made of both true answers: sums, differences and exaggerations, and unit-length and centred ones."""
    centred, rival_centred = (each - each.mean(1, keepdim=True) for each in (effect, rival_effect))
    unit, rival_unit = (each / each.norm(dim=1, keepdim=True) for each in (effect, rival_effect))
    pairs = (effect, rival_effect), (centred, rival_centred), (unit, rival_unit)
    return [a * one + b * other for one, other in pairs for a, b in ((1, -1), (2, -1), (1, 0), (1, 1), (0, -1))]


def test_no_map_made_of_the_true_answers_beats_the_oracle_on_centred_contrast() -> None:
    """On `effect_contrast`, a projection without a bound, what exaggerates the contrast does."""
    own, other = EFFECTS
    tried = list(product(contrastive(own, other), contrastive(other, own)))
    best = {"effect_contrast": 0.0, "centred_contrast": 0.0}
    for name in best:
        oracle = contrast(own, other, methods["oracle"], name)
        assert oracle == pytest.approx([1.0] * 6, abs=1e-9)
        found = (contrast(own, other, answering(*maps), name) for maps in tried)
        best[name] = max(sum(values) / 6 for values in found)
    assert best["centred_contrast"] <= 1 + 1e-9
    assert best["effect_contrast"] > 1.1


def test_a_zero_map_is_the_zero_vector_of_centred_contrast() -> None:
    """Nothing speaks for the rival: what is left is the map for the target."""
    own, other = EFFECTS
    found = contrast(own, other, answering(own, torch.zeros_like(own)), "centred_contrast")
    expected = [slow_pearson(own[i].tolist(), (own[i] - other[i]).tolist()) for i in range(6)]
    assert found == pytest.approx(expected, abs=1e-9)
    assert contrast(own, other, answering(0 * own, 0 * own), "centred_contrast") == [0.0] * 6


def test_opposite_maps_have_opposite_scores_so_that_chance_is_zero() -> None:
    """The proof that 0 is what random has on average: its map and the opposite one are equally likely."""
    names = {"centred_cosine", "centred_contrast", "effect_correlation", "effect_cosine", "value_correlation"}
    assert {name for name in metrics if metrics[name].chance is not None} == names
    maps = torch.randn(2, *EFFECTS[0].shape, generator=torch.Generator().manual_seed(3)).double()
    for name in names:
        found, opposite = (contrast(*EFFECTS, answering(*(sign * maps)), name) for sign in (1, -1))
        assert metrics[name].chance_of({}) == 0
        assert found == pytest.approx([-value for value in opposite], abs=1e-12)
        assert max(map(abs, found)) > 0.1
    assert metrics["centred_cosine[tolerance=2]"].chance_of({}) == 0
    assert metrics["centred_cosine[sign=magnitude]"].chance_of({}) is None, "opposite maps have the same score"
