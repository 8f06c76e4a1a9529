"""Scoring maps that somebody has, on their own model."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from heatproof import evaluate
from heatproof.benchmark import metrics
from heatproof.evaluation import _batch

N, SIDE, CLASSES = 6, 16, 3


class Linear(nn.Module):
    """Logits that are linear in the pixels: the exact attribution of class k is its weight times the way."""

    def __init__(self) -> None:
        super().__init__()
        weight = torch.randn(CLASSES, 3 * SIDE * SIDE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> tuple[Tensor, str]:
        return x.flatten(1) @ self.weight.T, "beside the logits"


@pytest.fixture
def x() -> Tensor:
    return torch.rand(N, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def exact(x: Tensor, target: Tensor) -> Tensor:
    way = x - x.mean((2, 3), keepdim=True)
    return Linear().weight.detach()[target].reshape(x.shape) * way


def means(table: pd.DataFrame) -> pd.Series:
    return table.groupby(["method", "score"])["value"].mean()


def test_exact_maps_are_complete_and_beat_noise_and_their_negative(x: Tensor) -> None:
    target = torch.arange(N) % CLASSES
    maps = {"exact": exact(x, target), "negative": -exact(x, target), "noise": torch.randn(x.shape)}
    names = ("perturbation_curves", "completeness", "sparseness")
    found = means(evaluate(Linear(), x, target, maps, names, readout="logit"))
    assert found["exact", "completeness"] < 1e-5
    assert found["negative", "completeness"] == pytest.approx(2, abs=1e-5)
    assert found["exact", "relevance_gain"] > found["noise", "relevance_gain"] > found["negative", "relevance_gain"]
    assert found["exact", "relevance_gain"] == pytest.approx(-found["negative", "relevance_gain"])


def test_numpy_and_files_give_the_same_as_tensors(x: Tensor, tmp_path: Path) -> None:
    target = [0] * N
    maps = exact(x, torch.zeros(N, dtype=torch.int64))
    np.savez(tmp_path / "maps.npz", mine=maps.numpy(), ids=np.array([f"s{i}" for i in range(N)]))
    ids = [f"s{i}" for i in range(N)]
    ours = evaluate(Linear(), x, target, {"mine": maps}, ids=ids)
    theirs = evaluate(Linear(), x.numpy(), target, tmp_path / "maps.npz", ids=ids)
    pd.testing.assert_frame_equal(ours, theirs)


def test_a_mask_is_the_truth(x: Tensor) -> None:
    mask = torch.zeros(N, SIDE, SIDE, dtype=torch.bool)
    mask[:, 4:8, 4:8] = True
    maps = {"inside": mask.double(), "outside": (~mask).double(), "even": torch.ones(N, SIDE, SIDE)}
    found = means(evaluate(Linear(), x, [1] * N, maps, ["relevance_mass", "relevance_rank"], truth=mask))
    share = 16 / SIDE**2
    for score in ("relevance_mass", "relevance_rank"):
        assert found["inside", score] == 1
        assert found["outside", score] == 0
        assert found["even", score] == pytest.approx(share)


def test_maps_without_signs_are_judged_by_the_magnitude_of_the_effects(x: Tensor) -> None:
    effect = torch.tensor([1.0, -2.0, 0.5, -0.5]).expand(N, -1)
    units = (torch.arange(SIDE)[:, None] // 8 * 2 + torch.arange(SIDE) // 8).expand(N, -1, -1)
    maps = {"with": effect / 64, "without": effect.abs() / 64}
    found = {
        signed: means(
            evaluate(Linear(), x, [0] * N, maps, ["centred_cosine"], effect=effect, units=units, signed=signed)
        )
        for signed in (True, False)
    }
    assert found[True]["with", "centred_cosine"] == pytest.approx(1)
    assert found[False]["without", "centred_cosine"] == pytest.approx(1)
    crossed = float(torch.corrcoef(torch.stack([effect[0], effect[0].abs()]))[0, 1])
    assert found[True]["without", "centred_cosine"] == pytest.approx(crossed)
    assert found[False]["with", "centred_cosine"] == pytest.approx(crossed)


def test_a_metric_that_cannot_be_served_says_why(x: Tensor) -> None:
    found = evaluate(Linear(), x, [0] * N, {"mine": x}, ["relevance_mass", "effect_cosine"])
    assert found["value"].isna().all()
    assert found["reason"].str.contains("truth").all()


def test_a_classifier_of_columns() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 4))
    classifier = LogisticRegression().fit(rows, (rows[:, 0] > 0).astype(int))
    maps = classifier.coef_ * (rows - rows.mean(0))
    options = {"readout": "log_odds", "baseline": np.tile(rows.mean(0), (40, 1))}
    found = means(evaluate(classifier, rows, [1] * 40, {"exact": maps}, ["completeness"], **options))
    assert found["exact", "completeness"] < 1e-5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": [CLASSES] * N}, f"target {CLASSES} is out of range: the model has {CLASSES} outputs"),
        ({"target": [0] * (N - 1)}, "batch.target has 5 samples"),
        ({"attributions": {"mine": torch.zeros(N, 7)}}, r"mine: the attribution has shape \(6, 7\)"),
        ({"metrics": ["sparsness"]}, "unknown metric 'sparsness': did you mean sparseness"),
        ({"readout": "probabilty"}, "readout 'probabilty' is unknown"),
        ({"truth": torch.zeros(N, 5)}, "truth covers"),
        ({"effect": torch.zeros(N, 5)}, r"effect has shape \(6, 5\); expected \(6, 64\), one value per unit"),
        ({"effect": torch.zeros(N, 64), "truth": torch.zeros(N, SIDE, SIDE)}, "both truth and effect are given"),
        ({"ids": ["same"] * N}, "not unique"),
        (
            {"attributions": {"mine": torch.zeros(N, 3, SIDE, SIDE), "ids": np.arange(N)[::-1]}},
            "another order of samples",
        ),
        ({"model": object()}, "cannot adapt a object"),
    ],
)
def test_bad_input_gets_one_clear_line(x: Tensor, change: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"model": Linear(), "x": x, "target": [0] * N, "attributions": {"mine": x}}
    with pytest.raises((ValueError, KeyError, TypeError), match=message) as caught:
        evaluate(**{**given, **change})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_an_imputer_is_a_choice(x: Tensor) -> None:
    target = torch.zeros(N, dtype=torch.int64)

    def found(imputer: str) -> pd.Series:
        table = evaluate(Linear(), x, target, {"exact": exact(x, target)}, readout="logit", imputer=imputer, pool=x[:2])
        return table.set_index(["score", "sample"])["value"]

    mean = evaluate(Linear(), x, target, {"exact": exact(x, target)}, readout="logit")
    pd.testing.assert_series_equal(found("mean"), mean.set_index(["score", "sample"])["value"])
    areas = [found(name)["insertion"].mean() for name in ("mean", "blur", "marginal", "nearest")]
    assert len(set(areas)) == 4


def test_an_imputer_that_cannot_serve_says_why(x: Tensor) -> None:
    target = torch.zeros(N, dtype=torch.int64)
    maps = {"exact": exact(x, target)}
    (reason,) = evaluate(Linear(), x, target, maps, ["perturbation_curves"], imputer="marginal")["reason"]
    assert "come without others to draw from" in reason
    with pytest.raises(KeyError, match="unknown imputer 'bluur': did you mean blur"):
        evaluate(Linear(), x, target, maps, imputer="bluur")


@pytest.mark.parametrize("shape", [(28, 28), (100, 100), (15, 15), (224, 112), (5, 40)])
def test_a_picture_is_cut_into_eight_by_eight_patches(shape: tuple[int, int]) -> None:
    """Or into rows or columns of single pixels, where it has fewer than eight."""
    x = torch.zeros(1, 1, *shape)
    (labels,) = _batch(x, [0], None, None, None).units.reshape(1, *shape)
    rows, columns = (min(8, side) for side in shape)
    assert len(labels[:, 0].unique()) == rows
    assert len(labels[0].unique()) == columns
    assert labels.unique().tolist() == list(range(rows * columns))
    areas = labels.flatten().bincount()
    assert areas.max() <= -(-shape[0] // rows) * -(-shape[1] // columns)
    assert areas.min() >= (shape[0] // rows) * (shape[1] // columns)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float64])
def test_a_mask_may_have_any_type_and_ignored_elements(x: Tensor, dtype: torch.dtype) -> None:
    """The relevance on what is ignored counts for nothing: 3 of 4 asked elements are true, 16 are not asked about."""
    mask = torch.zeros(N, SIDE, SIDE)
    mask[:, 0, :3] = 1
    maps = {"even": torch.ones(N, SIDE, SIDE)}
    options = {"ignore": 255.0} if dtype != torch.bool else {}
    if options:
        mask[:, 1:] = 255
    found = means(evaluate(Linear(), x, [1] * N, maps, ["relevance_mass"], truth=mask.to(dtype), **options))  # type: ignore[arg-type]
    assert found["even", "relevance_mass"] == pytest.approx(3 / SIDE if options else 3 / SIDE**2)


@pytest.mark.parametrize(
    ("value", "ignore"), [(0.2, None), (-1.0, None), (255.0, -1.0), (float("nan"), None), (2.0, 0)]
)
def test_a_truth_that_is_no_mask_is_refused(x: Tensor, value: float, ignore: float | None) -> None:
    mask = torch.zeros(N, SIDE, SIDE)
    mask[2, 3, 4] = value
    with pytest.raises(ValueError, match=r"truth has the value .*; expected 0 and 1: choose a threshold.*`ignore`"):
        evaluate(Linear(), x, [0] * N, {"mine": x}, ["relevance_mass"], truth=mask, ignore=ignore)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_precision_of_a_map_is_that_of_its_values_alone(x: Tensor, dtype: torch.dtype) -> None:
    """Channels of 30,000 each are 90,000, and no infinity, in whatever type they come."""
    steps = torch.arange(3 * SIDE * SIDE).reshape(3, SIDE, SIDE).expand(N, -1, -1, -1)
    maps = (30000 + 7 * steps).to(dtype)
    given, precise = (evaluate(Linear(), x, [0] * N, {"mine": each}) for each in (maps, maps.double()))
    assert given.loc[given["score"].isin(["insertion", "sparseness"]), "value"].notna().all()
    pd.testing.assert_frame_equal(given, precise)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_maps_beyond_single_precision_have_the_scores_of_others(x: Tensor, scale: float) -> None:
    maps = torch.randn(N, SIDE, SIDE, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    names = ("perturbation_curves", "sparseness", "unit_effects", "relevance_mass")
    positive = maps[0].expand(N, -1, -1) > 0
    both = maps, scale * maps
    found, scaled = (evaluate(Linear(), x, [0] * N, {"mine": each}, names, truth=positive) for each in both)
    pd.testing.assert_frame_equal(found, scaled, rtol=1e-9)


def test_units_of_equal_relevance_are_ordered_by_chance(x: Tensor) -> None:
    """Uneven units of one relevance score as if each unit's elements had its value exactly: sums of 60 / area are."""
    sizes = torch.tensor([1, 2, 3, 4, 5, 6, 10, 12, 15, 20])
    labels = torch.cat([torch.arange(10).repeat_interleave(sizes), torch.full((SIDE**2 - int(sizes.sum()),), -1)])
    units = labels.expand(N, -1)
    names = ("comprehensiveness", "unit_effects", "subset_correlations", "perturbation_curves")
    exact = torch.where(units < 0, 0.0, 60.0 / sizes.double()[units])
    maps = {"mine": torch.full((N, 10), 0.1)}, {"mine": exact}
    given, expected = (evaluate(Linear(), x, [0] * N, each, names, units=units) for each in maps)
    pd.testing.assert_frame_equal(given, expected, rtol=1e-9)


def test_a_value_that_is_missing_has_a_reason_and_no_other_has(x: Tensor) -> None:
    maps = torch.randn(N, SIDE, SIDE, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    maps[0], maps[1], maps[2, 0, 0] = 0.0, 0.3, torch.nan
    mask = torch.zeros(N, SIDE, SIDE, dtype=torch.bool)
    mask[:5, 0, :3] = True
    names = [name for name in metrics if "explain" not in metrics[name].needs]
    found = evaluate(Linear(), x, [0] * N, {"mine": maps}, names, truth=mask, pool=x)
    assert (found["value"].isna() == (found["reason"] != "")).all()
    said = found.set_index(["score", "sample"])["reason"]
    sum_ = "undefined here: The share of positive relevance that falls on the truth; NaN where either is missing."
    assert said["relevance_mass", "0"] == f"the map is zero everywhere; {sum_}"
    assert said["relevance_mass", "2"] == f"the map has NaN or infinite values; {sum_}"
    assert said["relevance_mass", "5"] == sum_
    assert said["leave_one_out", "1"].startswith("the map is the same everywhere; undefined here: The correlations")
