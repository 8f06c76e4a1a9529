"""A suite that generalises over networks, from its file to every format of its report."""

import io
import json
import math
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from scipy import stats
from torch import nn

from heatproof.api import run
from heatproof.benchmark import Batch, Gate, Network, Truth, column_units
from heatproof.benchmark import model as register_model
from heatproof.benchmark import task as register_task
from heatproof.benchmark.entries import registries
from heatproof.benchmark.results import Results
from heatproof.benchmark.suite import Suite
from heatproof.leaderboard.board import Standing, refuse_unrankable
from heatproof.leaderboard.conventions import conventions
from heatproof.leaderboard.report import write_report
from heatproof.leaderboard.report.tables import Findings
from heatproof.leaderboard.report.words import number
from heatproof.terminal.screen import Screen
from heatproof.terminal.studies import comparison
from heatproof.terminal.suites import board_data, boards

COLUMNS = 6
NETWORKS = {"plain": ("plain_1", "plain_2", "plain_3"), "bent": ("bent_1", "bent_2")}
NAMES = [name for names in NETWORKS.values() for name in names]
PAIR = "plain_1_and_2"
SUITE = """
name = "clustered"
version = "1"
samples = 12
repeats = 2
cluster = "network"
margin = 0.1
columns = ["doubles", "both"]
tasks = [TASKS]
methods = ["random", "oracle", "edges", "gradient", "input_x_gradient", "leave_one_out"]
metrics = ["centred_cosine", "centred_cosine[sign=magnitude]", "centred_cosine[tolerance=1]", "effect_cosine"]

[conventions]
"as it is" = "centred_cosine"
"absolute values" = "centred_cosine[sign=magnitude]"
"uncentred" = "effect_cosine"
"1 px of tolerance" = "centred_cosine[tolerance=1]"
"""
METHODS = ["edges", "gradient", "input_x_gradient", "leave_one_out"]
TASKS = [*(f"{question}@{name}" for question in ("effects", "doubles") for name in NAMES), f"both@{PAIR}"]


def network(seed: int, bent: bool) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = nn.Linear(COLUMNS, 4)
        return Network(nn.Sequential(first, *([nn.Softplus(), nn.Linear(4, 2)] if bent else [nn.Linear(4, 2)])))


def rows(gate: Gate, split: str, size: int) -> Batch:
    x = torch.randn(size, COLUMNS, generator=torch.Generator().manual_seed(1))
    ids = tuple(f"{split}-{n}" for n in range(size))
    return Batch(ids, x, gate.logits(x).argmax(1), column_units(x), torch.zeros_like(x))


def removed(gate: Gate, batch: Batch, times: float = 1.0) -> Truth:
    """The fall of the score when a column becomes zero."""
    keep = ~torch.eye(COLUMNS, dtype=torch.bool)
    whole = gate.score(batch.x, batch.target)
    without = torch.stack([gate.score(batch.x * kept, batch.target) for kept in keep], 1)
    return Truth(batch.units, effect=times * (whole[:, None] - without).double())


def effects(gate: Gate, batch: Batch) -> Truth:
    """Does each column count?"""
    return removed(gate, batch)


def doubles(gate: Gate, batch: Batch) -> Truth:
    """Does each column count twice?"""
    return removed(gate, batch, 2.0)


def both(gate: Gate, batch: Batch) -> Truth:
    """Does each column count for two networks?"""
    return removed(gate, batch)


def add_network(name: str, kind: str, seed: int, pair: tuple[str, ...] = ()) -> None:
    def build() -> Network:
        return network(seed, kind == "bent")

    build.__name__ = build.__qualname__ = name
    build.__doc__ = "A small network."
    register_model(architecture=kind, pair=pair)(build)


def add_parts() -> None:
    for seed, name in enumerate(NAMES):
        add_network(name, name.partition("_")[0], seed)
    add_network(PAIR, "plain", 9, ("plain_1", "plain_2"))
    ask = partial(
        register_task, samples=rows, family="small", truth_type="analytic", headline="centred_cosine", knows={"effect"}
    )
    for question in (effects, doubles):
        ask(on=tuple(NAMES), readout="logit")(question)
    ask(on=(PAIR,), readout="logit")(both)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    """A run of the suite, whose parts stay as long as it is looked at."""
    folder = tmp_path_factory.mktemp("clustered")
    path = folder / "clustered.toml"
    path.write_text(SUITE.replace("TASKS", ", ".join(f'"{task}"' for task in TASKS)))
    add_parts()
    yield run(str(path), folder / "run")
    for registry in registries.values():
        for name, part in list(registry._parts.items()):
            if part.function.__module__ == __name__:
                del registry._parts[name]


def printed(*shown: object) -> str:
    file = io.StringIO()
    Screen(file=file, width=200, markup=False, emoji=False).print(*shown, sep="\n")
    return " ".join(file.getvalue().split())


def suite(**changes: object) -> Suite:
    names = ("random", "oracle")
    whole = {"name": "s", "version": "1", "samples": 2, "methods": names, "metrics": ("centred_cosine",)}
    return Suite.model_validate({**whole, "cluster": "network", **changes})


def test_every_format_says_what_it_generalises_over(results: Results, tmp_path: Path) -> None:
    standing = Standing(results)
    board = standing.boards["differentiable"]
    assert (board.unit, board.units, board.margin, board.questions) == ("network", 5, 0.1, ("effects",))
    freedom = (1 / 2 + 1 / 3) ** 2 / (1 / 4 + 1 / 9 / 2)
    says = (
        f"Scores generalise over networks of 2 architectures (bent, plain; 5 networks, {freedom:.3g} degrees of "
        "freedom): asked effects; architectures and questions are fixed, and weigh the same."
    )
    report, shown = write_report(results, tmp_path, ["html"]).parent, printed(*boards(standing))
    for text in (shown, *((report / name).read_text() for name in ("index.html", "report.md", "board.tex"))):
        assert says in text
        assert "no difference below" in text.lower()
    assert "effective number of tasks" in shown
    track = json.loads((report / "board.json").read_text())["tracks"]["differentiable"]
    assert (track["generalises"], track["margin"]) == (says, 0.1)
    assert track["effective_tasks"] == board.effective_tasks
    data = board_data(standing)
    assert (data["generalises"], data["margin"]) == (dict.fromkeys(standing.boards, says), 0.1)
    tasks = (report / "report.md").read_text().partition("## Tasks")[2].partition("\n## ")[0].splitlines()
    beside = [line for line in tasks if "not counted" in line]
    assert len(beside) == len([task for task in TASKS if not task.startswith("effects")])


def test_a_column_counts_for_nothing(results: Results) -> None:
    """The board is that of the counted question alone: its networks' scores, in closed form."""
    standing = Standing(results)
    board, table = standing.boards["differentiable"].rows, standing.scores.table.set_index(["task", "method"])["z"]
    z = {kind: [table[f"effects@{name}", "gradient"] for name in names] for kind, names in NETWORKS.items()}
    error = sum(stats.sem(values) ** 2 for values in z.values()) ** 0.5 / 2
    assert board.loc["gradient", "score"] == pytest.approx(sum(sum(v) / len(v) for v in z.values()) / 2)
    half = board.loc["gradient", "high"] - board.loc["gradient", "score"]
    assert half == pytest.approx(stats.t.ppf(0.975, standing.boards["differentiable"].freedom) * error)
    shown = Findings(results).tracks[0].families
    assert [*shown] == ["bent", "plain", "both (not counted)", "doubles (not counted)"]
    assert shown.loc["gradient", "plain"] == pytest.approx(sum(z["plain"]) / 3)
    assert shown.loc["gradient", "doubles (not counted)"] == pytest.approx(
        sum(table[f"doubles@{name}", "gradient"] for name in NAMES) / 5
    )
    assert standing.columns == {"doubles": sorted(TASKS[5:10]), "both": [TASKS[10]]}


def test_random_is_the_zero_by_symmetry(results: Results) -> None:
    table = Standing(results).scores
    random = table.table[table.table["method"] == "random"]
    assert random["z"].tolist() == [0] * len(TASKS)
    assert (table.tasks["chance"] == 0).all()
    assert (table.tasks["random"] != 0).all()


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
    results: Results, label: str, score: str, zero: bool
) -> None:
    standing = Standing(results)
    (found,) = (each for each in conventions(standing, "differentiable") if each.label == label)
    counted, other = by_hand(results, "centred_cosine", True), by_hand(results, score, zero)
    assert found.table["counted"].to_dict() == pytest.approx(counted)
    assert found.table["other"].to_dict() == pytest.approx(other)
    assert found.table["counted"].to_dict() == standing.boards["differentiable"].rows["score"].to_dict()
    expected = stats.kendalltau([counted[name] for name in METHODS], [other[name] for name in METHODS]).statistic
    assert found.tau == pytest.approx(expected)
    assert found.ranks.to_dict() == {name: 1 + sum(other[name] < each for each in other.values()) for name in METHODS}
    assert found.tasks == tuple(standing.tasks("differentiable"))
    assert found.left_out == {}


def test_a_network_that_lacks_a_question_is_left_out_of_a_convention(results: Results) -> None:
    """Where both questions count, and one network has no score of one of them, its other one is no mean of both."""
    manifest = {**results.manifest, "suite": {**results.manifest["suite"], "columns": ["both"]}}
    changed = Results(results.folder, manifest)
    rows = (changed.scores["task"] == "doubles@plain_2") & (changed.scores["score"] == "effect_cosine")
    changed.scores.loc[rows, ["value", "reason"]] = float("nan"), "nothing to say"
    found = {each.label: each for each in conventions(Standing(changed), "differentiable")}
    assert found["as it is"].left_out == {}
    assert found["uncentred"].left_out == {
        "doubles@plain_2": "nothing to say",
        "effects@plain_2": "its network lacks doubles",
    }
    assert len(found["uncentred"].tasks) == 8


def test_a_method_that_a_convention_cannot_score_everywhere_is_not_compared(results: Results) -> None:
    """A mean over the tasks that are left would be one of others."""
    changed, names = Results(results.folder, results.manifest), ["gradient", "leave_one_out"]
    whole = conventions(Standing(changed), "differentiable")[2].table["other"]
    rows = (changed.scores["task"] == "effects@bent_1") & (changed.scores["score"] == "effect_cosine")
    changed.scores.loc[rows & changed.scores["method"].isin(names), ["value", "status"]] = float("nan"), "skipped"
    found = {each.label: each for each in conventions(Standing(changed), "differentiable")}
    assert set(found["uncentred"].table.index) == {"edges", "input_x_gradient"}
    assert found["uncentred"].table["other"].to_dict() == whole.drop(names).to_dict()
    assert len(found["as it is"].table) == len(METHODS)


def test_every_format_shows_the_conventions(results: Results, tmp_path: Path) -> None:
    """A tolerance is one of pictures, and these are tables."""
    standing = Standing(results)
    found = {each.label: each for each in conventions(standing, "differentiable")}
    none = found["1 px of tolerance"]
    assert (len(none.table), none.tasks, math.isnan(none.tau)) == (0, (), True)
    assert set(none.left_out) == set(standing.tasks("differentiable"))
    taus = ", ".join(f"{label} {number(each.tau)} ({len(each.table)})" for label, each in found.items())
    says = f"Rank correlation with itself (Kendall's τ; number of methods): {taus}."
    assert "as it is 1.00 (4), absolute values" in says
    assert says.endswith("1 px of tolerance – (0).")
    report, shown = write_report(results, tmp_path, ["html"]).parent, printed(*boards(standing))
    page, text = ((report / name).read_text() for name in ("index.html", "report.md"))
    assert says in shown
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


def test_methods_without_signs_are_marked_and_a_sum_below_zero_is_a_convention(
    results: Results, tmp_path: Path
) -> None:
    report = write_report(results, tmp_path, ["html"]).parent
    page, text = ((report / name).read_text() for name in ("index.html", "report.md"))
    assert "a sum of signed values against the truth is a convention of signs, and not worse than chance" in page
    assert "below random" not in (page + text).lower()
    assert "Unsigned: its values have no sign, so it is judged by the magnitude of the truth." in text
    assert next(line for line in text.splitlines() if "canary, unsigned" in line).startswith("| edges |")
    assert ">unsigned</span>" in page.partition(">edges<")[2][:200]
    assert ">unsigned</span>" not in page.partition(">gradient<")[2][:200]


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
def test_a_convention_that_cannot_be_is_refused_in_one_line(results: Results, score: str, message: str) -> None:
    asked = ("centred_cosine", "pointing_game")
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        refuse_unrankable(suite(tasks=["effects@plain_1"], metrics=asked, conventions={"other": score}))
    assert "\n" not in str(caught.value)


def test_a_suite_without_conventions_has_none(results: Results) -> None:
    manifest = {**results.manifest, "suite": {k: v for k, v in results.manifest["suite"].items() if k != "conventions"}}
    assert conventions(Standing(Results(results.folder, manifest)), "differentiable") == ()


def test_a_comparison_is_over_networks(results: Results) -> None:
    shown = printed(*comparison(Standing(results).compare("leave_one_out", "edges")))
    assert "over 5 networks" in shown
    assert "by architecture" in shown
    assert "doubles@" not in shown


def test_a_network_that_lacks_an_admitted_question_does_not_count(results: Results) -> None:
    whole, standing = Standing(results).counted, Standing(results)
    standing.scores.tasks.loc[standing.scores.tasks["task"] == "effects@plain_2", "admitted"] = False
    assert standing.incomplete == {"plain_2": ("effects",)}
    assert standing.counted == [task for task in whole if task != "effects@plain_2"]
    assert standing.boards["differentiable"].units == 4
    assert "plain_2 does not count, for effects is not admitted there." in printed(*boards(standing))


@pytest.mark.parametrize(
    ("tasks", "columns", "message"),
    [
        (["effects@plain_1", f"both@{PAIR}"], [], "is about plain_1 and plain_2 at once, .*make 'both' one of"),
        (
            ["effects@plain_1", "effects@bent_1", "doubles@plain_1"],
            [],
            "s@1: bent_1 is not asked doubles, as other",
        ),
        (
            ["cancer_groups@breast_cancer_mlp"],
            [],
            "cancer_groups@breast_cancer_mlp: its network does not say of which architecture it is",
        ),
    ],
)
def test_a_suite_whose_networks_cannot_be_the_unit_is_refused(
    results: Results, tasks: list[str], columns: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        refuse_unrankable(suite(tasks=tasks, columns=columns, metrics=("centred_cosine", "effect_correlation")))


def test_tables_count_beside_networks_and_weigh_as_much_together(results: Results, tmp_path: Path) -> None:
    tables = ["linear_concepts", "max_route_concepts", "saturation_concepts"]
    asked = [*(f"effects@{name}" for name in NAMES), *tables]
    path = tmp_path / "families.toml"
    text = SUITE.replace('columns = ["doubles", "both"]\n', "").replace("samples = 12", "samples = 6")
    path.write_text(text.replace("TASKS", ", ".join(f'"{task}"' for task in asked)))
    found = run(str(path), tmp_path / "families")
    standing = Standing(found)
    board, z = standing.boards["differentiable"], standing.scores.table.set_index(["method", "task"])["z"]["gradient"]
    networks = [sum(z[f"effects@{name}"] for name in names) / len(names) for names in NETWORKS.values()]
    assert board.rows.loc["gradient", "score"] == pytest.approx(sum(networks) / 4 + z[tables].sum() / 6)
    assert (board.units, board.strata) == (8, ("analytic", "small/bent", "small/plain"))
    report = write_report(found, tmp_path, ["html"]).parent
    assert "networks of 3 groups (analytic, small/bent, small/plain; 8 networks, " in (report / "report.md").read_text()
    assert [*Findings(found).tracks[0].families][:3] == [*board.strata]
    shown = printed(*comparison(standing.compare("leave_one_out", "edges")))
    assert "over 8 networks" in shown
    assert "by group" in shown
