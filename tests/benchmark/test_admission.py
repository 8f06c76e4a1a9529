"""The admission of tasks to rankings, on linear networks whose figures are known."""

from functools import partial
from pathlib import Path

import pytest
import torch
from rich.text import Text
from torch import Tensor, nn

from heatproof import api
from heatproof.benchmark import Batch, Gate, Network, Truth, column_units, model, task, tasks
from heatproof.benchmark.admission import ADMISSION, admission, admission_key, admission_keys, admissions
from heatproof.benchmark.checks._task_figures import figures
from heatproof.benchmark.data import Record
from heatproof.benchmark.estimate import Estimate
from heatproof.benchmark.plan import plan
from heatproof.benchmark.run import run
from heatproof.benchmark.store import Store
from heatproof.benchmark.suite import Suite
from heatproof.leaderboard.admission import answers, by_cheat, by_task
from heatproof.leaderboard.board import Standing
from heatproof.leaderboard.report import write_report
from heatproof.leaderboard.report.tables import Findings
from heatproof.terminal.suites import plan as plan_on_the_terminal
from heatproof.terminal.suites import plan_data

OUTPUTS, COLUMNS = 10, 6
OWN, PUBLIC, SAME, BROKEN = (f"{name}@first_net" for name in ("own", "public", "same", "broken"))
asked_of: list[str] = []


def linear(seed: int) -> Network:
    """A linear network whose weights differ from output to output, in size, too."""
    layer = nn.Linear(COLUMNS, OUTPUTS, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(OUTPUTS, COLUMNS, generator=torch.Generator().manual_seed(seed)))
    return Network(layer)


def drawn(gate: Gate, split: str, size: int) -> Batch:
    """Columns of random signs and equal sizes, asked about the outputs in turn."""
    x = torch.randn(size, COLUMNS, generator=torch.Generator().manual_seed(3)).sign()
    target = torch.arange(size) % OUTPUTS
    return Batch(tuple(f"{split}-{i}" for i in range(size)), x, target, column_units(x), torch.zeros_like(x))


def weights_of(gate: Gate) -> Tensor:
    layer = gate.module
    assert isinstance(layer, nn.Linear)
    return layer.weight.detach().double()


about = partial(
    task,
    samples=drawn,
    family="toys",
    truth_type="analytic",
    headline="centred_cosine",
    knows={"effect"},
    readout="logit",
)


@pytest.fixture(autouse=True)
def _toys(own_parts: None) -> None:
    @model()
    def first_net() -> Network:
        """A linear network."""
        return linear(1)

    @model()
    def second_net() -> Network:
        """Another linear network."""
        return linear(2)

    @about(on=("first_net",))
    def own(gate: Gate, batch: Batch) -> Truth:
        """The effects of the columns in this network."""
        asked_of.append("own")
        return Truth(batch.units, effect=weights_of(gate)[batch.target] * batch.x.double())

    @about(on=("first_net", "second_net"))
    def public(gate: Gate, batch: Batch) -> Truth:
        """The columns do the same in every network."""
        return Truth(batch.units, effect=batch.x.double())

    @about(on=("first_net",))
    def same(gate: Gate, batch: Batch) -> Truth:
        """The same is true of every sample."""
        return Truth(batch.units, effect=torch.arange(6.0).expand(len(batch.x), -1).double())

    @about(on=("first_net",))
    def broken(gate: Gate, batch: Batch) -> Truth:
        """Nothing, for it fails."""
        raise ArithmeticError("the sums do not add up")


def suite(*names: str, admission: bool = True) -> Suite:
    return Suite(
        name="toys",
        version="1",
        samples=8,
        admission=admission,
        tasks=names,
        methods=("random", "oracle", "gradient", "input_x_gradient"),
        metrics=("centred_cosine",),
    )


def test_a_record_has_what_every_answer_scores() -> None:
    record, measured = admission(tasks[OWN]), figures(tasks[OWN], 48)
    assert (record.status, record.reason) == ("ok", "")
    scores = dict(zip(record.ids, record.scores["z"].tolist(), strict=True))
    assert {f"cheat: {name}": score for name, score in measured.cheats.items()}.items() <= scores.items()
    assert scores["class mean: other samples of the class"] == measured.amortised
    lead = max(measured.above.values())
    assert max(s for n, s in scores.items() if n.startswith("distorted")) == pytest.approx(1 + lead / measured.gap)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (PUBLIC, "the truth about second_net"),
        (SAME, "parts_as_elsewhere scores 1.00 without asking the network"),
        (BROKEN, "ArithmeticError: the sums do not add up"),
    ],
)
def test_a_task_that_fails_has_the_reason(name: str, reason: str) -> None:
    assert admission(tasks[name]).reason.startswith(reason)


def test_only_admitted_tasks_count_and_the_board_says_why(tmp_path: Path) -> None:
    results = run(suite(OWN, PUBLIC, SAME), tmp_path)
    standing = Standing(results)
    assert standing.counted == [OWN]
    reasons = standing.scores.tasks.set_index("task")["reason"]
    assert "second_net" in reasons[PUBLIC]
    assert "parts_as_elsewhere" in reasons[SAME]
    # The task that fails is shown all the same.
    assert standing.scores.table.set_index(["task", "method"]).loc[(SAME, "oracle"), "z"] == 1
    without = Standing(run(suite(OWN, PUBLIC, SAME, admission=False), tmp_path / "all"))
    assert without.counted == [OWN, PUBLIC, SAME]


def test_checks_are_made_once_for_each_version(tmp_path: Path) -> None:
    asked_of.clear()
    run(suite(OWN), tmp_path)
    assert (once := len(asked_of))
    asked_of.clear()
    run(suite(OWN), tmp_path)
    assert not asked_of
    keys = admission_keys(suite(OWN))
    shipped = {keys[OWN]: Record(OWN, "", ADMISSION, 0, "ok", "seen before", (), {})}
    results = run(suite(OWN), tmp_path / "other", baselines=shipped)
    assert Standing(results).objections == {OWN: "seen before"}
    assert len(asked_of) < once


def test_the_key_depends_on_the_other_networks() -> None:
    before = admission_key(tasks[PUBLIC])

    @model()
    def third_net() -> Network:
        """One more."""
        return linear(3)

    first = tasks[PUBLIC]
    about(on=("third_net",))(first.function)
    assert admission_key(first) != before


def test_a_plan_knows_what_was_checked(tmp_path: Path) -> None:
    asked = suite(OWN, SAME)
    assert admissions(asked, Store(tmp_path / "store"), {}) == {OWN: None, SAME: None}
    run(asked, tmp_path)
    found = admissions(asked, Store(tmp_path / "store"), {})
    assert {name: bool(record and record.reason) for name, record in found.items()} == {OWN: False, SAME: True}
    assert admissions(suite(OWN, admission=False), Store(tmp_path / "store"), {}) == {}
    assert plan(asked), "cells are planned for both"


def test_tables_of_the_answers(tmp_path: Path) -> None:
    results = run(suite(OWN, PUBLIC, SAME), tmp_path)
    tried = answers(results)
    tasked, cheats = by_task(tried), by_cheat(tried, [OWN, SAME])
    assert tasked.loc[PUBLIC, "network_score"] == pytest.approx(1)
    assert tasked.loc[OWN, "network"] == ""
    assert tasked.loc[SAME, ["cheat", "cheat_score"]].tolist() == ["parts_as_elsewhere", pytest.approx(1)]
    own = dict(zip(admission(tasks[OWN]).ids, admission(tasks[OWN]).scores["z"].tolist(), strict=True))
    expected = (own["cheat: parts_as_elsewhere"] + 1) / 2
    row = cheats.loc["parts_as_elsewhere"]
    assert row[["mean", "highest"]].tolist() == [pytest.approx(expected), pytest.approx(1)]
    assert (row["task"], row["n"]) == (SAME, 2)
    assert cheats["mean"].is_monotonic_decreasing


def test_the_plan_on_the_terminal_names_what_will_not_count(tmp_path: Path) -> None:
    asked = suite(OWN, SAME)
    store = Store(tmp_path / "store")
    cells, cost = plan(asked), Estimate(0, 0, 0.0, ())

    def said() -> str:
        lines = plan_on_the_terminal(asked, cells, cost, admissions(asked, store, {}))
        return "\n".join(line.plain for line in lines if isinstance(line, Text))

    assert f"2 tasks to be put to their checks first: {OWN}, {SAME}" in said()
    run(asked, tmp_path)
    assert f"will not count: {SAME}: " in said()
    assert OWN not in said()
    found = plan_data(cells, cost, admissions(asked, store, {}))["admission"]
    assert isinstance(found, dict)
    assert (found[OWN]["admitted"], found[SAME]["admitted"]) == (True, False)


def test_the_report_says_who_passes_without_asking(tmp_path: Path) -> None:
    findings = Findings(run(suite(SAME, OWN), tmp_path / "run"))
    assert list(findings.normalised.columns) == [OWN, SAME], "what counts comes first"
    report = write_report(findings.results, tmp_path / "report", ["html"]).parent
    page, text = ((report / name).read_text() for name in ("index.html", "report.md"))
    assert "Who passes without asking" in page
    section = text.partition("## Who passes without asking")[2].partition("\n## ")[0].replace("\\", "")
    verdicts = {line.split("|")[1].strip(): line.split("|")[-2] for line in section.splitlines() if "@" in line}
    assert verdicts[OWN].strip() == "passes"
    assert "without asking the network" in verdicts[SAME]
    without = write_report(run(suite(OWN, admission=False), tmp_path / "all"), tmp_path / "without", ["html"]).parent
    assert "are not put to the checks by which a task is admitted" in (without / "index.html").read_text()


def test_a_whole_run_takes_the_shipped_checks_and_no_shipped_score(monkeypatch: pytest.MonkeyPatch) -> None:
    records = {
        "a": Record(OWN, "", ADMISSION, 0, "ok"),
        "b": Record(OWN, "gradient", "centred_cosine", 0, "ok"),
    }
    handed: list[set[str]] = []
    monkeypatch.setattr(api, "read_pack", lambda _: records)
    monkeypatch.setattr(api.kernel, "run", lambda *_, baselines, **__: handed.append(set(baselines)))
    api.run("quick")
    api.run("quick", method=["gradient"])
    api.run("quick", method=["gradient"], verified=True)
    assert handed == [{"a"}, {"a", "b"}, {"a"}]
