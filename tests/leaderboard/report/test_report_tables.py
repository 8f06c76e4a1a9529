"""The frames behind all formats, against slow loops over the raw values."""

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from heatproof.benchmark.results import Results
from heatproof.leaderboard.report import write_report
from heatproof.leaderboard.report.outcomes import KINDS, outcomes
from heatproof.leaderboard.report.tables import Findings, costs, degenerate_maps, means


@pytest.fixture(scope="module")
def findings(results: Results) -> Findings:
    return Findings(results)


def raw(results: Results, **place: str) -> dict[str, float]:
    """The values of one cell by sample, seeds averaged, by a loop."""
    found: dict[str, list[float]] = {}
    scores = results.scores
    for word, wanted in {**place, "status": "ok"}.items():
        scores = scores[scores[word] == wanted]
    for sample, value in zip(scores["sample"], scores["value"], strict=True):
        found.setdefault(sample, []).append(value)
    return {sample: float(np.nanmean(values)) for sample, values in found.items() if not np.isnan(values).all()}


@pytest.mark.parametrize(
    ("task", "method", "score", "n"),
    [
        ("creature_parts", "random", "effect_correlation", 24),
        ("creature_rival", "smoothgrad", "insertion", 24),
        ("columns", "gradient", "relevance_mass", 23),
    ],
)
def test_means_equal_a_loop(results: Results, findings: Findings, task: str, method: str, score: str, n: int) -> None:
    values = np.array([*raw(results, task=task, method=method, score=score).values()])
    table = findings.means
    row = table[(table["task"] == task) & (table["method"] == method) & (table["score"] == score)].iloc[0]
    half = stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / math.sqrt(n)
    assert (row["n"], row["samples"]) == (n, 24)
    assert row["mean"] == pytest.approx(values.mean(), abs=1e-12)
    assert row["half"] == pytest.approx(half, abs=1e-12)


def test_a_row_for_every_cell_and_score(results: Results, findings: Findings) -> None:
    scores = {(k, s) for k, card in results.manifest["metrics"].items() for s in card["better"]}
    wanted = {(t, m, *pair) for t, m, _k, _s, *_ in results.manifest["cells"] for pair in scores}
    table = findings.means
    assert set(table[["task", "method", "metric", "score"]].itertuples(index=False, name=None)) == wanted
    assert len(table) == len(wanted)


def test_a_mean_of_one_value_has_no_interval_and_of_none_no_value() -> None:
    base = {"task": "t", "method": "m", "metric": "k", "seed": 0, "status": "ok", "reason": ""}
    rows = [{**base, "score": "one", "sample": "a", "value": 2.0}]
    rows += [{**base, "score": "none", "sample": "a", "value": math.nan}]
    rows += [{**base, "score": "half", "sample": "a", "value": 1.0}]
    rows += [{**base, "score": "half", "sample": "", "value": math.nan, "seed": 1, "status": "failed"}]
    table = means(pd.DataFrame(rows)).set_index("score")
    assert table["mean"].to_dict() == {"one": 2.0, "none": pytest.approx(math.nan, nan_ok=True), "half": 1.0}
    assert table["half"].isna().all()
    assert table["n"].to_dict() == {"one": 1, "none": 0, "half": 1}
    assert table["status"].to_dict() == {"one": "ok", "none": "ok", "half": "failed"}


def test_ranked_scores_equal_a_loop_over_tasks(results: Results, findings: Findings) -> None:
    track = findings.tracks[0]
    families = {task: results.manifest["tasks"][task]["family"] for task in track.tasks}
    for method in ("kernel_shap", "integrated_gradients", "edges"):
        by_family: dict[str, list[float]] = {}
        for task, family in families.items():
            place = {"task": task, "score": "effect_correlation"}
            mean = {who: np.mean([*raw(results, method=who, **place).values()]) for who in (method, "random", "oracle")}
            z = (mean[method] - mean["random"]) / (mean["oracle"] - mean["random"])
            by_family.setdefault(family, []).append(float(z))
        per_family = {family: np.mean(values) for family, values in by_family.items()}
        assert track.table.loc[method, "score"] == pytest.approx(np.mean([*per_family.values()]), abs=1e-12)
        assert track.families.loc[method].to_dict() == pytest.approx(per_family, abs=1e-12)


def test_a_ranking_has_every_method_the_controls_at_0_and_1_and_the_unranked_last(findings: Findings) -> None:
    table = findings.tracks[0].table
    assert set(table.index) == set(findings.results.manifest["methods"])
    assert table.loc[["random", "oracle"], "score"].tolist() == pytest.approx([0, 1])
    assert table.loc[["random", "oracle"], "rank"].isna().all()
    assert table["score"].dropna().is_monotonic_decreasing
    assert table.index[-1] == "grad_cam"
    assert findings.tracks[0].families.loc["grad_cam"].isna().to_dict() == {
        "contrast": False,
        "effects": False,
        "tabular": True,
    }
    assert table.loc["grad_cam", "n_tasks"] == sum(not t.startswith("columns") for t in findings.tracks[0].tasks)


def test_tracks_are_the_boards(findings: Findings) -> None:
    for track in findings.tracks:
        board = track.board.rows
        pd.testing.assert_frame_equal(track.table.loc[board.index, board.columns], board, check_dtype=False)


def test_flagged_and_not_admitted_tasks(findings: Findings) -> None:
    assert "creature_texture" in findings.flagged(findings.tracks[0]).index
    assert not findings.tasks.loc["creature_noise", "admitted"]
    assert "creature_noise" not in findings.tracks[0].tasks


def test_costs_are_per_sample_and_per_explanation(findings: Findings) -> None:
    table = findings.tracks[0].table
    assert table.loc["integrated_gradients", ["forward", "backward"]].tolist() == [32, 32]
    assert table.loc["kernel_shap", ["forward", "backward"]].tolist() == [512, 0]


def test_costs_do_not_count_metrics_twice() -> None:
    base = {"method": "m", "seed": 0, "status": "ok", "forward": 2.0, "backward": 1.0, "seconds": 1.0}
    cells = pd.DataFrame([{**base, "task": "a"}] * 3 + [{**base, "task": "b", "forward": 4.0}])
    assert costs(cells).loc["m"].to_dict() == {"forward": 3.0, "backward": 1.0, "seconds": 1.0}


def test_outcomes_equal_a_loop_over_cells_and_values(results: Results) -> None:
    found = outcomes(results)
    counted: dict[tuple[str, str], list[tuple[object, ...]]] = {}
    for *place, _key, _explanation, planned in results.manifest["cells"]:
        if planned:
            counted.setdefault(("impossible", planned), []).append((*place,))
    for record in results.records:
        place = (record.task, record.method, record.metric, record.seed)
        if record.status == "failed":
            counted.setdefault(("failed", record.reason), []).append(place)
    for row in results.scores.itertuples():
        if row.status == "ok" and math.isnan(row.value):
            counted.setdefault(("undefined", row.reason), []).append((row.task, row.method, row.metric, row.seed))
    assert {(each.kind, each.reason): each.cells for each in found} == {
        key: len({*places}) for key, places in counted.items()
    }
    values = {each.reason: each.values for each in found if each.values}
    assert values == {reason: len(places) for (kind, reason), places in counted.items() if kind == "undefined"}


def test_what_went_wrong_comes_first_and_the_planned_last(results: Results) -> None:
    found = outcomes(results)
    kinds = [KINDS.index(each.kind) for each in found]
    assert kinds == sorted(kinds)
    assert {each.kind for each in found} == {"failed", "undefined", "impossible"}
    assert found[0].trace.startswith("Traceback")
    for _, group in itertools.groupby(found, lambda each: each.kind):
        counts = [each.cells for each in group]
        assert counts == sorted(counts, reverse=True)


def test_an_honest_no_is_refused_and_not_impossible(results: Results) -> None:
    """The plan did not know of it."""
    planned = next(cell for cell in results.manifest["cells"] if cell[6])
    cells = [cell if cell is not planned else [*planned[:6], ""] for cell in results.manifest["cells"]]
    cut = replace(results, manifest={**results.manifest, "cells": cells})
    refused = replace(results.records[0], task=planned[0], method=planned[1], metric=planned[2], seed=planned[3])
    cut.__dict__["records"] = (*cut.records, replace(refused, status="skipped", reason="not for tables", scores={}))
    kinds = {each.reason: (each.kind, each.cells) for each in outcomes(cut)}
    assert kinds["not for tables"] == ("refused", 1)


def test_degenerate_maps_are_counted_once_each() -> None:
    nan = math.nan
    values = torch.tensor([[0.0, 0, 0], [2, 2, 2], [1, 2, 3], [nan, 1, 1], [nan, nan, nan], [0, 0, 1]])
    assert degenerate_maps(values) == {"maps": 6, "zero": 1, "constant": 1, "undefined": 2}


def test_degenerate_maps_of_a_run(findings: Findings) -> None:
    table = findings.degenerate.set_index("method")
    assert set(table.index) == {"constant", "smoothgrad"}
    assert table.loc["smoothgrad", ["zero", "constant", "undefined"]].tolist() == [1, 0, 1]
    assert table.loc["constant", "constant"].tolist() == [24, 24, 24]


def test_tasks_on_the_same_samples_are_shown_together(findings: Findings) -> None:
    assert [len(group) for group in findings.sample_sets] == [9, 3, 2]
    assert sum(findings.sample_sets, ()) == tuple(findings.results.manifest["tasks"])


def test_a_task_without_any_value_is_not_among_the_scored(results: Results) -> None:
    found = Findings(replace(results))
    table = found.means
    table.loc[(table["task"] == "columns") & (table["score"] == "sparseness"), "n"] = 0
    assert found.scored("sparseness", "sparseness") == [t for t in results.manifest["tasks"] if t != "columns"]
    assert found.scored("perturbation_curves", "insertion") == [*results.manifest["tasks"]]


def test_rankings_over_the_same_tasks_are_shown_once(results: Results) -> None:
    cards = {name: {**card, "capability": "Layered"} for name, card in results.manifest["tasks"].items()}
    same = Findings(replace(results, manifest={**results.manifest, "tasks": cards}))
    assert [*same.standing.boards] == ["differentiable", "black box", "layered"]
    assert [track.name for track in same.tracks] == ["differentiable"]


def test_a_metric_is_a_proxy_unless_it_sees_the_truth(findings: Findings) -> None:
    seen = {name: findings.sees_truth(name) for name in findings.results.manifest["metrics"]}
    assert seen == {
        "effect_correlation": True,
        "relevance_mass": True,
        "perturbation_curves": False,
        "sparseness": False,
    }


def test_without_controls_there_is_no_ranking_but_a_report(results: Results, tmp_path: Path) -> None:
    cells = [cell for cell in results.manifest["cells"] if cell[1] != "oracle"]
    cut = replace(results, manifest={**results.manifest, "cells": cells})
    found = Findings(cut)
    assert "oracle" in found.unranked
    assert found.tracks == ()
    page = write_report(cut, tmp_path, ["html"])
    assert "There is no ranking" in page.read_text(encoding="utf-8")


def test_what_cannot_be_written_is_refused(results: Results, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown format 'pdf': choose among html, markdown, latex, csv, json"):
        write_report(results, tmp_path, ["html", "pdf"])
    with pytest.raises(ValueError, match="no format"):
        write_report(results, tmp_path, [])
    with pytest.raises(ValueError, match="no outcome yet"):
        write_report(replace(results, manifest={**results.manifest, "cells": []}), tmp_path, ["csv"])
    assert list(tmp_path.iterdir()) == []
