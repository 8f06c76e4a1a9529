"""The rank correlation of a board with itself under other conventions, against loops over its scores."""

import json
import math
import re
from pathlib import Path

import pytest
from rich.text import Text
from scipy import stats

from heatproof.benchmark.results import Results
from heatproof.benchmark.suite import Suite
from heatproof.leaderboard.board import Standing, refuse_unrankable
from heatproof.leaderboard.conventions import conventions
from heatproof.leaderboard.report import write_report
from heatproof.leaderboard.report.words import number
from heatproof.terminal.suites import boards

NETWORKS = {"plain": ("plain_1", "plain_2", "plain_3"), "bent": ("bent_1", "bent_2")}
METHODS = ["edges", "gradient", "input_x_gradient", "leave_one_out"]


def by_hand(results: Results, score: str, zero: bool) -> dict[str, float]:
    """The mean over architectures and their networks of scores between random and the oracle, in loops."""
    table = results.scores
    table = table[table["score"] == score].groupby(["task", "method"])["value"].mean()
    found = {}
    for method in METHODS:
        kinds = []
        for names in NETWORKS.values():
            scores = []
            for name in names:
                raw, random, oracle = (table[f"effects@{name}", each] for each in (method, "random", "oracle"))
                random = 0.0 if zero else random
                scores.append((raw - random) / (oracle - random))
            kinds.append(sum(scores) / len(scores))
        found[method] = sum(kinds) / len(kinds)
    return found


@pytest.mark.parametrize(
    ("label", "score", "zero"),
    [
        ("as it is", "centred_cosine", True),
        ("absolute values", "centred_cosine[sign=magnitude]", False),
        ("uncentred", "effect_cosine", True),
    ],
)
def test_a_convention_is_the_same_board_with_another_score(
    clustered: Results, label: str, score: str, zero: bool
) -> None:
    standing = Standing(clustered)
    (found,) = (each for each in conventions(standing, "differentiable") if each.label == label)
    counted, other = by_hand(clustered, "centred_cosine", True), by_hand(clustered, score, zero)
    assert found.table["counted"].to_dict() == pytest.approx(counted)
    assert found.table["other"].to_dict() == pytest.approx(other)
    assert found.table["counted"].to_dict() == standing.boards["differentiable"].rows["score"].to_dict()
    expected = stats.kendalltau([counted[name] for name in METHODS], [other[name] for name in METHODS]).statistic
    assert found.tau == pytest.approx(expected)
    assert found.ranks.to_dict() == {name: 1 + sum(other[name] < each for each in other.values()) for name in METHODS}
    assert found.tasks == tuple(standing.tasks("differentiable"))
    assert found.left_out == {}


def test_a_network_that_lacks_a_question_is_left_out_of_a_convention(clustered: Results) -> None:
    """Where both questions count, and one network has no score of one of them, its other one is no mean of both."""
    manifest = {**clustered.manifest, "suite": {**clustered.manifest["suite"], "columns": ["both"]}}
    changed = Results(clustered.folder, manifest)
    rows = (changed.scores["task"] == "doubles@plain_2") & (changed.scores["score"] == "effect_cosine")
    changed.scores.loc[rows, ["value", "reason"]] = float("nan"), "nothing to say"
    found = {each.label: each for each in conventions(Standing(changed), "differentiable")}
    assert found["as it is"].left_out == {}
    assert found["uncentred"].left_out == {
        "doubles@plain_2": "nothing to say",
        "effects@plain_2": "its network lacks doubles",
    }
    assert len(found["uncentred"].tasks) == 8


def test_a_method_that_a_convention_cannot_score_everywhere_is_not_compared(clustered: Results) -> None:
    """A mean over the tasks that are left would be one of others."""
    changed, names = Results(clustered.folder, clustered.manifest), ["gradient", "leave_one_out"]
    whole = conventions(Standing(changed), "differentiable")[2].table["other"]
    rows = (changed.scores["task"] == "effects@bent_1") & (changed.scores["score"] == "effect_cosine")
    changed.scores.loc[rows & changed.scores["method"].isin(names), ["value", "status"]] = float("nan"), "skipped"
    found = {each.label: each for each in conventions(Standing(changed), "differentiable")}
    assert set(found["uncentred"].table.index) == {"edges", "input_x_gradient"}
    assert found["uncentred"].table["other"].to_dict() == whole.drop(names).to_dict()
    assert len(found["as it is"].table) == len(METHODS)


def test_every_format_shows_the_conventions(clustered: Results, tmp_path: Path) -> None:
    """A tolerance is one of pictures, and these are tables."""
    standing = Standing(clustered)
    found = {each.label: each for each in conventions(standing, "differentiable")}
    none = found["1 px of tolerance"]
    assert (len(none.table), none.tasks, math.isnan(none.tau)) == (0, (), True)
    assert set(none.left_out) == set(standing.tasks("differentiable"))
    taus = ", ".join(f"{label} {number(each.tau)} ({len(each.table)})" for label, each in found.items())
    says = f"Rank correlation with itself (Kendall's τ; number of methods): {taus}."
    assert "as it is 1.00 (4), absolute values" in says
    assert says.endswith("1 px of tolerance – (0).")
    report = write_report(clustered, tmp_path, ["html"]).parent
    shown = [shown.plain for shown in boards(standing) if isinstance(shown, Text)]
    page, text = ((report / name).read_text() for name in ("index.html", "report.md"))
    assert any(says in each for each in shown)
    assert says in text
    why = "a tolerance is in pixels of a picture (N, C, H, W); x has shape (12, 6)); not compared."
    assert f"1 px of tolerance: without {', '.join(standing.tasks('differentiable')[:4])} and 1 more ({why}" in page
    assert "not compared" in text
    row = next(line for line in text.partition("### Under other conventions")[2].splitlines() if "leave" in line)
    scores = [found[label].table["other"]["leave_one_out"] for label in ("as it is", "absolute values", "uncentred")]
    assert [cell.strip() for cell in row.split("|")[2:-1]] == [*map(number, [scores[0], *scores]), "–"]
    track = json.loads((report / "board.json").read_text())["tracks"]["differentiable"]
    assert [each["tau"] for each in track["conventions"]] == [
        None if math.isnan(each.tau) else each.tau for each in found.values()
    ]


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (
            "centred_cosin",
            "s@1: convention 'other': no metric of the suite gives 'centred_cosin': did you mean centred_c",
        ),
        ("sparseness", "s@1: convention 'other': no metric of the suite gives 'sparseness': add one that does"),
        ("pointing_game", "'other': pointing_game reads the truth's impossible, relevant, which no task that counts"),
    ],
)
def test_a_convention_that_cannot_be_is_refused_in_one_line(clustered: Results, score: str, message: str) -> None:
    named = {"conventions": {"other": score}, "metrics": ("centred_cosine", "pointing_game")}
    words = {"name": "s", "version": "1", "samples": 2, "methods": ("random", "oracle"), "tasks": ["effects@plain_1"]}
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        refuse_unrankable(Suite.model_validate({**words, **named}))
    assert "\n" not in str(caught.value)


def test_a_suite_without_conventions_has_none(clustered: Results) -> None:
    manifest = {
        **clustered.manifest,
        "suite": {k: v for k, v in clustered.manifest["suite"].items() if k != "conventions"},
    }
    assert conventions(Standing(Results(clustered.folder, manifest)), "differentiable") == ()
