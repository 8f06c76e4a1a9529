"""Suites with tasks that know no truth: they run, store, report, compare and agree, and rank nothing."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch import nn

from heatproof.benchmark import Batch, Gate, Network, Truth, grid_units, tasks
from heatproof.benchmark import task as register
from heatproof.benchmark.results import Results
from heatproof.leaderboard.board import Standing
from heatproof.leaderboard.compare import compare_proxies
from heatproof.leaderboard.report import FORMATS
from heatproof.leaderboard.report.tables import Findings

N = 5
SUITE = """
name = "mixed"
version = "1"
samples = 5
tasks = [TASKS]
methods = ["random", "oracle", "other_truth", "constant", "gradient", "input_x_gradient"]
metrics = ["perturbation_curves", "sparseness", "relevance_mass", "effect_correlation"]
"""
NONE = "no task of this suite knows the truth"
ABSENT = "cub_correct@cub_resnet101"


def network() -> Network:
    """Two classes of small pictures."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Network(nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2)))


def pictures(gate: Gate, split: str, size: int) -> Batch:
    x = torch.rand(size, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    ids = tuple(f"{split}-{n}" for n in range(size))
    return Batch(ids, x, gate.logits(x).argmax(1), grid_units(x, 2), torch.zeros_like(x))


def other_pictures(gate: Gate, split: str, size: int) -> Batch:
    return pictures(gate, f"other {split}", size)


def unanswered(gate: Gate, batch: Batch) -> None:
    """Which patches does it look at?"""


def unasked(gate: Gate, batch: Batch) -> None:
    """Which patches does it look at elsewhere?"""


def answered(gate: Gate, batch: Batch) -> Truth:
    """Which patches add to the score?"""
    kept = torch.eye(16, dtype=torch.bool)[:, batch.units[0]].reshape(16, 1, 8, 8)
    only = torch.where(kept, 0.0, batch.x[:, None]).flatten(0, 1)
    scores = gate.score(only, batch.target.repeat_interleave(16)).reshape(len(batch), 16)
    return Truth(batch.units, effect=gate.score(batch.x, batch.target)[:, None] - scores)


Said = SimpleNamespace
Command = Callable[..., Said]


@pytest.fixture
def heatproof(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.delenv("HEATPROOF_DATA", raising=False)
    monkeypatch.delenv("HEATPROOF_WEIGHTS", raising=False)
    for function, samples in ((unanswered, pictures), (unasked, other_pictures)):
        register(samples=samples, on=network, family="shown", truth_type="none", headline="", knows=set())(function)
    asked = register(
        samples=pictures,
        on=network,
        family="shown",
        truth_type="interventional",
        headline="effect_correlation",
        knows={"effect"},
    )
    asked(answered)

    return command


def suite(*names: str) -> str:
    Path("mixed.toml").write_text(SUITE.replace("TASKS", ", ".join(f'"{name}"' for name in names)))
    return "mixed.toml"


def test_a_task_has_a_truth_or_it_has_none(heatproof: Command) -> None:
    task = tasks["unanswered"]
    assert task.questions("test", 2).truth is None
    with pytest.raises(ValueError, match="one that knows none has truth_type='none', headline='' and knows=set\\(\\)"):
        register(samples=pictures, on=network, family="f", truth_type="none", headline="sparseness", knows=set())


def test_a_plan_says_which_cells_need_the_truth(heatproof: Command) -> None:
    plan = json.loads(heatproof("plan", suite("unanswered"), "--json").out)
    reasons = {(cell["method"], cell["metric"]): cell["reason"] for cell in plan["cells"]}
    assert reasons["oracle", "sparseness"] == "oracle needs the truth, and this task knows none"
    assert reasons["other_truth", "sparseness"] == "other_truth needs the truth, and this task knows none"
    assert reasons["gradient", "relevance_mass"] == "relevance_mass needs the truth, and this task knows none"
    assert "needs the truth's 'effect'" in reasons["gradient", "effect_correlation"]
    assert reasons["gradient", "perturbation_curves"] == ""


def test_a_suite_without_a_truth_runs_and_ranks_nothing(heatproof: Command) -> None:
    said = heatproof("run", suite("unanswered", "unasked"))
    assert (said.status, said.err.strip()) == (0, "")
    assert f"no ranking: {NONE}" in said.out
    assert "results are missing" not in said.out
    results = Results.read(Path("runs/mixed"))
    assert results.missing == 0
    assert results.headline() == {}
    cells = results.cells.set_index(["task", "method", "metric"])
    for name in ("unanswered", "unasked"):
        assert cells.loc[(name, "gradient", "perturbation_curves"), "status"] == "ok"
        assert cells.loc[(name, "oracle", "sparseness"), "status"] == "skipped"
    data = json.loads(heatproof("run", "mixed.toml", "--json").out)
    assert data["unranked"] == NONE
    assert data["tracks"] == {}
    shown = {(row["task"], row["method"], row["score"]) for row in data["proxies"] if row["n"]}
    assert ("unasked", "gradient", "deletion") in shown


def test_the_screen_shows_each_proxy_with_its_interval(heatproof: Command) -> None:
    said = heatproof("run", suite("unanswered"))
    values = Results.read(Path("runs/mixed")).scores
    own = values[(values["method"] == "gradient") & (values["score"] == "deletion")]["value"].to_numpy(np.float64)
    half = stats.t.ppf(0.975, N - 1) * own.std(ddof=1) / np.sqrt(N)
    digits = 3 if half < 0.01 else 2
    line = next(line for line in said.out.splitlines() if line.startswith("gradient"))
    assert f"{own.mean():.{digits}f} ± {half:.{digits}f}" in line
    assert line.split()[1] == "2"  # passes: one forward, one backward


@pytest.mark.parametrize("names", [("unanswered",), ("unanswered", "answered"), ("unanswered", ABSENT, "answered")])
def test_a_report_in_every_format(heatproof: Command, names: tuple[str, ...]) -> None:
    heatproof("run", suite(*names))
    for kind in FORMATS:
        said = heatproof("report", "runs/mixed", "--format", kind, "--out", kind)
        assert (said.status, said.err.strip()) == (0, "")
    ranked = "answered" in names
    html, markdown = Path("html/index.html").read_text(), Path("markdown/report.md").read_text()
    for text in (html, markdown):
        assert (NONE in text) != ranked
        assert "gradient" in text
        assert ("Passes forward" in text) != ranked
    table = html.split('id="metrics"')[1]
    assert "deletion" in table
    assert "±" in table
    assert ("No truth is known: proxies only" in html.split('id="tasks"')[1]) is True
    latex = Path("latex/board.tex").read_text()
    assert "no truth is known, so nothing is ranked" in latex
    assert re.search(r"^{}gradient.* & 2 & -?[\d.]+ \$\\pm\$ [\d.]+", latex, re.MULTILINE)
    scores = pd.read_csv("csv/scores.csv")
    assert scores.loc[(scores["task"] == "unanswered") & (scores["n"] > 0), "half"].notna().any()
    board = json.loads(Path("json/board.json").read_text())
    assert board["truthless"] == [name for name in names if name != "answered"]
    assert ("unanswered" in [task["task"] for task in board["tasks"]]) is False
    assert bool(board["unranked"]) != ranked


def test_a_mixed_suite_ranks_by_the_tasks_that_know_the_truth(heatproof: Command) -> None:
    heatproof("run", suite("answered"), "--out", "alone")
    said = heatproof("run", suite("answered", "unanswered"), "--out", "mixed")
    assert "truth over 1 task\n" in said.out
    assert "unanswered: proxies" in said.out
    assert "no ranking" not in said.out
    alone, mixed = (Standing(Results.read(Path(name))) for name in ("alone", "mixed"))
    pd.testing.assert_frame_equal(alone.scores.table, mixed.scores.table)
    assert list(Findings(mixed.results).normalised.columns) == ["answered"]


def test_the_proxies_of_a_shown_sample_are_on_the_page(heatproof: Command) -> None:
    heatproof("run", suite("unanswered"))
    page = Path("runs/mixed/report/index.html").read_text()
    data = json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL).group(1))
    scores = data["galleries"]["1"]["scores"]
    assert {"insertion", "deletion", "sparseness"} <= set(scores)
    values = Results.read(Path("runs/mixed")).scores
    own = values[(values["method"] == "gradient") & (values["score"] == "deletion")].set_index("sample")["value"]
    assert scores["deletion"]["gradient"] == pytest.approx([own[f"test-{n}"] for n in range(N)], abs=1e-4)


def test_two_methods_are_compared_proxy_by_proxy(heatproof: Command) -> None:
    heatproof("run", suite("unanswered", "unasked"))
    said = heatproof("compare", "runs/mixed", "gradient", "constant")
    assert said.status == 0
    assert "no task of this suite knows the truth, so there is no verdict" in " ".join(said.out.split())
    found = json.loads(heatproof("compare", "runs/mixed", "gradient", "constant", "--json").out)
    rows = {(row["task"], row["score"]): row for row in found["proxies"]}
    assert found["overall"] is None
    values = Results.read(Path("runs/mixed")).scores
    at = values[(values["task"] == "unasked") & (values["score"] == "deletion")].pivot_table(
        index="sample", columns="method", values="value"
    )
    difference = (at["gradient"] - at["constant"]).to_numpy(np.float64)
    row = rows["unasked", "deletion"]
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["low"] == pytest.approx(stats.t.interval(0.95, N - 1, difference.mean(), stats.sem(difference))[0])
    assert row["better"] == "lower"
    assert row["improvement"] == pytest.approx((difference < 0).mean() + (difference == 0).mean() / 2)
    said = heatproof("compare", "runs/mixed", "oracle", "constant")
    assert said.status == 2
    assert said.err.strip().count("\n") == 0
    assert "methods ['oracle'] are not scored" in said.err


def test_proxies_are_compared_where_both_are_defined_with_seeds_averaged() -> None:
    rows = [
        ("t", "m", "s", method, seed, sample, value, "ok")
        for method, seed, sample, value in [
            ("a", 0, "x", 1.0),
            ("a", 1, "x", 3.0),
            ("a", 0, "y", np.nan),
            ("a", 1, "y", np.nan),
            ("a", 0, "z", 5.0),
            ("a", 1, "z", 5.0),
            ("b", 0, "x", 1.5),
            ("b", 0, "y", 2.0),
            ("b", 0, "z", 5.0),
        ]
    ]
    scores = pd.DataFrame(rows, columns=["task", "metric", "score", "method", "seed", "sample", "value", "status"])
    found = compare_proxies(scores, {"m": {"s": "higher"}}, "a", "b").scores.iloc[0]
    assert (found["difference"], found["n"], found["improvement"]) == (0.25, 2, 0.75)
    assert compare_proxies(scores, {"m": {"s": "lower"}}, "a", "b").scores.iloc[0]["improvement"] == 0.25
    with pytest.raises(ValueError, match="share no score"):
        compare_proxies(scores.assign(metric=scores["method"]), {"a": {"s": "higher"}, "b": {"s": "higher"}}, "a", "b")
    undefined = compare_proxies(scores[scores["sample"] == "y"], {"m": {"s": "higher"}}, "a", "b").scores.iloc[0]
    assert undefined["n"] == 0
    assert np.isnan(undefined["difference"])


def test_agreement_and_panel_need_no_truth(heatproof: Command) -> None:
    heatproof("run", suite("unanswered", ABSENT))
    found = json.loads(heatproof("agreement", "runs/mixed", "--json").out)
    assert list(found["tasks"]) == ["unanswered"]
    assert {(row["task"], row["method"]) for row in found["left_out"]} >= {
        ("unanswered", "oracle"),
        (ABSENT, "gradient"),
    }
    assert {row["reason"] for row in found["left_out"] if row["task"] == ABSENT} == {tasks[ABSENT].absent}
    said = heatproof("panel", "runs/mixed", "--imputers", "mean", "--samples", "3")
    assert (said.status, "Traceback" in said.err) == (0, False)
    table = pd.read_csv("runs/mixed/panel.csv")
    assert set(table["task"]) == {"unanswered"}
    assert {"insertion", "deletion"} <= set(table["score"])
    assert "effect_correlation" not in set(table["score"])


def test_nothing_is_at_hand(heatproof: Command) -> None:
    names = [name for name in tasks if tasks[name].files is not None]
    assert len(names) == 10
    plan = json.loads(heatproof("plan", suite(*names), "--json").out)
    assert {cell["reason"] for cell in plan["cells"]} == {tasks[name].absent for name in names}
    assert all("HEATPROOF_DATA" in cell["reason"] for cell in plan["cells"])
    said = heatproof("run", "mixed.toml")
    assert (said.status, said.err.strip()) == (0, "")
    words = " ".join(said.out.split())
    assert f"nothing is known on {ABSENT}: CUB-200-2011 is not at hand: set HEATPROOF_DATA" in words
    assert f"no ranking: {NONE}" in words
    for kind in FORMATS:
        assert heatproof("report", "runs/mixed", "--format", kind).status == 0
    for words in (("agreement",), ("panel",)):
        said = heatproof(*words, "runs/mixed")
        assert (said.status, said.err.strip().count("\n")) == (2, 0)
    assert "HEATPROOF_DATA" in heatproof("agreement", "runs/mixed").err
    said = heatproof("compare", "runs/mixed", "gradient", "constant")
    assert (said.status, said.err.strip().count("\n")) == (2, 0)


def test_a_method_of_a_users_is_told_why_it_is_not_ranked(heatproof: Command) -> None:
    Path("mine.py").write_text(
        '"""Mine."""\nfrom heatproof import Differentiable, method\n\n\n@method()\n'
        'def mine(model: Differentiable, x, target):\n    """Mine."""\n    return x * model.gradient(x, target)\n'
    )
    said = heatproof("run", suite("unanswered"), "--method", "mine.py")
    assert said.status == 0
    assert f"mine is not ranked: {NONE}" in said.out
