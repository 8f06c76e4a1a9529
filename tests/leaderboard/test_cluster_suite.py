"""A suite that generalises over networks, from its file to every format of its report."""

import io
import json
from pathlib import Path

import pytest
from scipy import stats

from heatproof.api import run
from heatproof.benchmark.results import Results
from heatproof.benchmark.suite import Suite
from heatproof.leaderboard.board import Standing, refuse_unrankable
from heatproof.leaderboard.conventions import conventions
from heatproof.leaderboard.report import write_report
from heatproof.leaderboard.report.tables import Findings
from heatproof.terminal.screen import Screen
from heatproof.terminal.studies import comparison
from heatproof.terminal.suites import board_data, boards

NETWORKS = {"plain": ("plain_1", "plain_2", "plain_3"), "bent": ("bent_1", "bent_2")}
NAMES = [name for names in NETWORKS.values() for name in names]
PAIR = "plain_1_and_2"
TASKS = [*(f"{question}@{name}" for question in ("effects", "doubles") for name in NAMES), f"both@{PAIR}"]


def printed(*shown: object) -> str:
    file = io.StringIO()
    Screen(file=file, width=200, markup=False, emoji=False).print(*shown, sep="\n")
    return " ".join(file.getvalue().split())


def suite(**changes: object) -> Suite:
    names = ("random", "oracle")
    whole = {"name": "s", "version": "1", "samples": 2, "methods": names, "metrics": ("centred_cosine",)}
    return Suite.model_validate({**whole, "cluster": "network", **changes})


def test_every_format_says_what_it_generalises_over(clustered: Results, tmp_path: Path) -> None:
    standing = Standing(clustered)
    board = standing.boards["differentiable"]
    assert (board.unit, board.units, board.margin, board.questions) == ("network", 5, 0.1, ("effects",))
    freedom = (1 / 2 + 1 / 3) ** 2 / (1 / 4 + 1 / 9 / 2)
    says = (
        f"Scores generalise over networks of 2 architectures (bent, plain; 5 networks, {freedom:.3g} degrees of "
        "freedom): asked effects; architectures and questions are fixed, and weigh the same."
    )
    report, shown = write_report(clustered, tmp_path, ["html"]).parent, printed(*boards(standing))
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


def test_a_column_counts_for_nothing(clustered: Results) -> None:
    """The board is that of the counted question alone: its networks' scores, in closed form."""
    standing = Standing(clustered)
    board, table = standing.boards["differentiable"].rows, standing.scores.table.set_index(["task", "method"])["z"]
    z = {kind: [table[f"effects@{name}", "gradient"] for name in names] for kind, names in NETWORKS.items()}
    error = sum(stats.sem(values) ** 2 for values in z.values()) ** 0.5 / 2
    assert board.loc["gradient", "score"] == pytest.approx(sum(sum(v) / len(v) for v in z.values()) / 2)
    half = board.loc["gradient", "high"] - board.loc["gradient", "score"]
    assert half == pytest.approx(stats.t.ppf(0.975, standing.boards["differentiable"].freedom) * error)
    shown = Findings(clustered).tracks[0].families
    assert [*shown] == ["bent", "plain", "both (not counted)", "doubles (not counted)"]
    assert shown.loc["gradient", "plain"] == pytest.approx(sum(z["plain"]) / 3)
    assert shown.loc["gradient", "doubles (not counted)"] == pytest.approx(
        sum(table[f"doubles@{name}", "gradient"] for name in NAMES) / 5
    )
    assert standing.columns == {"doubles": sorted(TASKS[5:10]), "both": [TASKS[10]]}


def test_random_is_the_zero_by_symmetry(clustered: Results) -> None:
    table = Standing(clustered).scores
    random = table.table[table.table["method"] == "random"]
    assert random["z"].tolist() == [0] * len(TASKS)
    assert (table.tasks["chance"] == 0).all()
    assert (table.tasks["random"] != 0).all()


def test_methods_without_signs_are_marked_and_a_sum_below_zero_is_a_convention(
    clustered: Results, tmp_path: Path
) -> None:
    report = write_report(clustered, tmp_path, ["html"]).parent
    page, text = ((report / name).read_text() for name in ("index.html", "report.md"))
    assert "a sum of signed values against the truth is a convention of signs, and not worse than chance" in page
    assert "below random" not in (page + text).lower()
    assert "Unsigned: its values have no sign, so it is judged by the magnitude of the truth." in text
    assert next(line for line in text.splitlines() if "canary, unsigned" in line).startswith("| edges |")
    assert ">unsigned</span>" in page.partition(">edges<")[2][:200]
    assert ">unsigned</span>" not in page.partition(">gradient<")[2][:200]


def test_a_comparison_is_over_networks(clustered: Results) -> None:
    shown = printed(*comparison(Standing(clustered).compare("leave_one_out", "edges")))
    assert "over 5 networks" in shown
    assert "by architecture" in shown
    assert "doubles@" not in shown


def test_a_network_that_lacks_an_admitted_question_does_not_count(clustered: Results) -> None:
    whole, standing = Standing(clustered).counted, Standing(clustered)
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
    clustered: Results, tasks: list[str], columns: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        refuse_unrankable(suite(tasks=tasks, columns=columns, metrics=("centred_cosine", "effect_correlation")))


@pytest.mark.usefixtures("clustered")
def test_tables_count_beside_networks_and_weigh_as_much_together(clustered_text: str, tmp_path: Path) -> None:
    tables = ["linear_concepts", "max_route_concepts", "saturation_concepts"]
    asked = [*(f"effects@{name}" for name in NAMES), *tables]
    path = tmp_path / "families.toml"
    text = clustered_text.replace('columns = ["doubles", "both"]\n', "").replace("samples = 12", "samples = 6")
    path.write_text(text.replace("TASKS", ", ".join(f'"{task}"' for task in asked)))
    found = run(str(path), tmp_path / "families")
    standing = Standing(found)
    board, z = standing.boards["differentiable"], standing.scores.table.set_index(["method", "task"])["z"]["gradient"]
    networks = [sum(z[f"effects@{name}"] for name in names) / len(names) for names in NETWORKS.values()]
    assert board.rows.loc["gradient", "score"] == pytest.approx(sum(networks) / 4 + z[tables].sum() / 6)
    assert (board.units, board.strata) == (8, ("analytic", "small/bent", "small/plain"))
    same = conventions(standing, "differentiable")[0]
    assert same.tau == 1
    for column in same.table:
        assert same.table[column].to_dict() == pytest.approx(board.rows["score"].to_dict())
    report = write_report(found, tmp_path, ["html"]).parent
    assert "networks of 3 groups (analytic, small/bent, small/plain; 8 networks, " in (report / "report.md").read_text()
    assert [*Findings(found).tracks[0].families][:3] == [*board.strata]
    shown = printed(*comparison(standing.compare("leave_one_out", "edges")))
    assert "over 8 networks" in shown
    assert "by group" in shown
