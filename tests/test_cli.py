"""The command line, as a user meets it: what it prints, what it refuses, and that nothing is lost."""

import errno
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from heatproof.benchmark.results import Results

SUITE = """
name = "tiny"
version = "1"
samples = 4
tasks = ["linear", "saturation", "suppressor"]
methods = ["random", "oracle", "constant", "gradient", "leave_one_out"]
metrics = ["perturbation_curves", "effect_cosine"]
"""
BOARD = Path("runs/tiny/report/board.json")
METHOD = '''
"""A user's file."""
import torch
from heatproof import Differentiable, Refused, method


@method()
def mine(model: Differentiable, x, target):
    """A user's method."""
    {body}
'''


Said = SimpleNamespace
Command = Callable[..., Said]


@pytest.fixture
def heatproof(command: Command) -> Command:
    """Run a command in a folder of its own."""
    Path("tiny.toml").write_text(SUITE)
    return command


def write(body: str, name: str = "mine.py") -> str:
    Path(name).write_text(METHOD.format(body=body))
    return name


def one_line(said: Said, *words: str) -> None:
    """Demand a non-zero status and one line that has the words."""
    assert said.status != 0
    line = said.err.strip()
    assert "\n" not in line, line
    for word in words:
        assert word in line


def test_a_run_writes_a_report_and_a_second_run_computes_nothing(heatproof: Command) -> None:
    first = heatproof("run", "tiny.toml")
    assert first.status == 0, first.err
    assert Path("runs/tiny/report/index.html").is_file()
    files = {path: path.stat().st_mtime_ns for path in Path("runs/tiny/store").rglob("*.parquet")}
    assert heatproof("run", "tiny.toml").status == 0
    assert {path: path.stat().st_mtime_ns for path in Path("runs/tiny/store").rglob("*.parquet")} == files


def test_lists_are_readable_by_scripts(heatproof: Command) -> None:
    for kind, name in (("suites", "quick"), ("tasks", "linear"), ("methods", "gradient"), ("metrics", "sparseness")):
        assert name in json.loads(heatproof("list", kind, "--json").out)
    assert "creatures_vit" in heatproof("list", "models").out


def test_a_plan_counts_cells_and_passes(heatproof: Command) -> None:
    plan = json.loads(heatproof("plan", "tiny.toml", "--json").out)
    assert len(plan["cells"]) == 3 * 5 * 2
    assert not any(cell["reason"] for cell in plan["cells"])
    assert plan["estimate"]["backward"] == 3 * 4  # gradient: one per sample and task


def test_compare_is_the_difference_of_the_board(heatproof: Command) -> None:
    board = json.loads(heatproof("run", "tiny.toml", "--json").out)
    rows = {row["method"]: row["score"] for row in board["tracks"]["differentiable"]}
    found = json.loads(heatproof("compare", "runs/tiny", "leave_one_out", "gradient", "--json").out)
    assert found["overall"]["difference"] == pytest.approx(rows["leave_one_out"] - rows["gradient"])


def test_only_the_new_method_is_run_and_its_rank_is_said(heatproof: Command) -> None:
    heatproof("run", "tiny.toml")
    before = set(Path("runs/tiny/store").rglob("*.parquet"))
    said = heatproof("run", "tiny.toml", "--method", write("return x * model.gradient(x, target)"))
    assert said.status == 0, said.err
    assert re.search(r"mine: rank \d+ \[\d+-\d+\] of \d+ on the differentiable track", said.out)
    assert len(set(Path("runs/tiny/store").rglob("*.parquet")) - before) == 3 * (1 + 2)


def test_what_the_tasks_can_detect_has_one_name(heatproof: Command) -> None:
    """It is a median over pairs, so no single pair is said to be told apart or not."""
    shown = heatproof("run", "tiny.toml").out
    assert "minimum detectable difference" in shown
    assert "told apart" not in shown
    heatproof("report", "runs/tiny", "--format", "json")
    assert json.loads(BOARD.read_text())["tracks"]["differentiable"]["minimum_detectable_difference"] > 0


def test_every_value_that_is_missing_has_a_reason(heatproof: Command) -> None:
    heatproof("run", "tiny.toml")
    scores = Results.read(Path("runs/tiny")).scores
    assert (scores["value"].isna() == (scores["reason"] != "")).all()
    (why,) = scores.loc[scores["value"].isna() & (scores["score"] == "minimal_insertion"), "reason"].unique()
    assert why.startswith("undefined here: `minimal_insertion`, `minimal_deletion`: the smallest share of the area")
    means = pd.read_csv("runs/tiny/report/scores.csv", keep_default_na=False)
    assert (means.loc[means["n"].astype(int) < means["samples"].astype(int), "reason"] != "").all()


def test_one_task_has_a_place_without_an_interval(heatproof: Command) -> None:
    Path("one.toml").write_text(SUITE.replace(', "saturation", "suppressor"', ""))
    said = heatproof("run", "one.toml", "--method", write("return x * model.gradient(x, target)"))
    assert re.search(r"mine: rank \d+ .* score -?\d\.\d+ one task: no interval", said.out), said.out


@pytest.mark.parametrize("words", [("run", "quikc"), ("plan", "quikc")])
def test_an_unknown_suite(heatproof: Command, words: tuple[str, ...]) -> None:
    one_line(heatproof(*words), "unknown suite 'quikc'", "did you mean quick?")


def test_an_unknown_method_names_the_nearest(heatproof: Command) -> None:
    one_line(heatproof("run", "tiny.toml", "--method", "gradent"), "unknown method 'gradent'", "gradient")


def test_a_suite_with_a_misspelt_key(heatproof: Command) -> None:
    Path("odd.toml").write_text(SUITE.replace("samples", "sampels"))
    one_line(heatproof("run", "odd.toml"), "unknown key 'sampels', did you mean 'samples'?")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_like_this", ("does not import", "nothing_like_this")),
        ("x = 1", ("registers no method",)),
        (METHOD.format(body="return x").replace('    """A user\'s method."""', ""), ("mine", "no docstring")),
        (METHOD.format(body="return x").replace("x, target)", "x, tarrget)"), ("'tarrget'", "did you mean 'target'")),
        (METHOD.format(body="return x").replace("x, target)", "x, *, steps)"), ("'steps'", "no default")),
        (METHOD.format(body="return x").replace("def mine", "def gradient"), ("'gradient'", "already defined")),
    ],
)
def test_a_file_that_is_no_declaration(heatproof: Command, text: str, words: tuple[str, ...]) -> None:
    Path("mine.py").write_text(text)
    one_line(heatproof("run", "tiny.toml", "--method", "mine.py"), "mine.py" if "gradient" not in text else "", *words)


def test_a_file_that_is_not_there(heatproof: Command) -> None:
    one_line(heatproof("run", "tiny.toml", "--method", "nowhere.py"), "nowhere.py does not exist")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return x[:, :2]", ("mine: ValueError: the attribution has shape (4, 2)",)),
        ("return 'a map'", ("mine: TypeError", "returned a str")),
        ("return x * float('nan')", ("mine: ValueError: every map has NaN or infinite values",)),
        ("return x / 0", ("every map has NaN or infinite values",)),
        ("return x[9, 9]", ("mine: IndexError",)),
        ("raise RuntimeError('out of luck')", ("mine: RuntimeError: out of luck (mine.py:10)",)),
        ("return x.where(torch.arange(len(x))[:, None] > 0, torch.nan)", ("1 of 4 maps have NaN or infinite values",)),
    ],
)
def test_a_failing_method_is_one_line_and_nothing_else_is_lost(
    heatproof: Command, body: str, words: tuple[str, ...]
) -> None:
    said = heatproof("run", "tiny.toml", "--method", write(body))
    one_line(said, *words, "(3 tasks")
    assert "gradient" not in said.err
    assert Path("runs/tiny/report/index.html").is_file()


def test_an_endless_loop_is_stopped(heatproof: Command) -> None:
    body = "while True:\n        try:\n            target = target + 0\n        except Exception:\n            pass"
    said = heatproof("run", "tiny.toml", "--method", write(body), "--timeout", "0.5")
    one_line(said, "mine: took longer than the time limit of 0.5 s (3 tasks)")


def test_a_changed_helper_of_a_file_gives_new_scores(heatproof: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that was not changed is not computed again."""
    monkeypatch.syspath_prepend(str(Path.cwd()))
    name = write("from my_helper import factor\n    return factor() * x")
    found = []
    for factor in (1, 1, -1):
        Path("my_helper.py").write_text(f"def factor():\n    return {factor}\n")
        said = heatproof("run", "tiny.toml", "--method", name, "--json")
        rows = next(iter(json.loads(said.out)["tracks"].values()))
        found.append(next(row["score"] for row in rows if row["method"] == "mine"))
    assert found[0] == found[1] != found[2]


def test_what_a_method_reads_without_our_seeing_it_is_said(heatproof: Command) -> None:
    said = heatproof("run", "tiny.toml", "--method", write("import os\n    return x * float(os.environ.get('A', '1'))"))
    assert "mine reads files or the environment (environ): stored results are not tied to what is in them" in said.out
    assert "reads files" not in heatproof("run", "tiny.toml", "--method", write("return x", "mine.py")).out


def test_an_honest_no_is_no_failure(heatproof: Command) -> None:
    said = heatproof("run", "tiny.toml", "--method", write("raise Refused('not for tables')"))
    assert said.status == 0
    assert "mine is not ranked" in said.out


def test_a_full_disk_keeps_what_was_finished(heatproof: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    sync, done = os.fsync, []

    def full(file: int) -> None:
        done.append(file)
        if len(done) > 8:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        one_line(heatproof("run", "tiny.toml"), "No space left on device", "kept")
    kept = set(Path("runs/tiny/store").rglob("*.parquet"))
    assert kept
    assert not list(Path("runs/tiny").rglob(".*.parquet.*"))
    assert heatproof("run", "tiny.toml").status == 0
    assert kept < set(Path("runs/tiny/store").rglob("*.parquet"))


@pytest.mark.parametrize("verb", ["plan", "run"])
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (', "effect_cosine"', "", "tiny@1: linear (and 2 more tasks) counts by effect_cosine, which no metric of"),
        ('"oracle", ', "", "tiny@1 lacks the controls that scores are scaled by: add oracle"),
        ('name = "tiny"', 'name = "../../evil"', "name: '../../evil' is no name"),
        ("samples = 4", f"samples = 4\nrepeats = {10**23}", "repeats: Input should be less than or equal to 1000"),
    ],
)
def test_a_suite_that_cannot_end_in_a_board_is_refused_before_anything_is_computed(
    heatproof: Command, verb: str, old: str, new: str, message: str
) -> None:
    assert old in SUITE
    Path("tiny.toml").write_text(SUITE.replace(old, new))
    one_line(heatproof(verb, "tiny.toml"), message)
    assert [path.name for path in Path().iterdir()] == ["tiny.toml"]


def test_no_permission_to_write(heatproof: Command) -> None:
    Path("file").write_text("not a folder")
    one_line(heatproof("run", "tiny.toml", "--out", "file/run"), "Not a directory", "file/run")


def test_a_damaged_store_is_put_aside_and_computed_again(heatproof: Command) -> None:
    first = heatproof("run", "tiny.toml", "--json")
    for path in sorted(Path("runs/tiny/store").rglob("*.parquet"))[::3]:
        path.write_bytes(path.read_bytes()[:-40])
    again = heatproof("run", "tiny.toml", "--json")
    assert again.out == first.out
    one_line(again, "damaged files of the store were put aside, and what they held computed again")
    assert heatproof("run", "tiny.toml", "--json").status == 0
    results = Results.read(Path("runs/tiny"))
    assert results.store.damaged()
    assert results.missing == 0


def test_not_a_run_directory(heatproof: Command) -> None:
    one_line(heatproof("report", "."), "is not a run directory")


def test_a_misspelt_format_or_kind(heatproof: Command) -> None:
    heatproof("run", "tiny.toml")
    one_line(heatproof("report", "runs/tiny", "--format", "htlm"), "unknown format 'htlm'")
    one_line(heatproof("list", "methodz"), "'methodz'")
    one_line(heatproof("check", "suites"), "cannot check 'suites'")


def test_a_new_method_passes_its_own_test(heatproof: Command) -> None:
    assert heatproof("new", "method", "my_explainer").status == 0
    assert heatproof("check", "methods", "my_explainer.py").status == 0
    one_line(heatproof("new", "method", "my_explainer"), "exists already")
    one_line(heatproof("new", "method", "gradient"), "exists already")
    for name in ("My-Explainer", "../../x", "/etc/x", "a" * 300, ""):
        one_line(heatproof("new", "method", name), "is not a method's name")


def test_a_broken_method_fails_its_check(heatproof: Command) -> None:
    said = heatproof("check", "methods", write("return torch.randn(x.shape)"))
    assert said.status == 1
    assert "mine: " in said.out


def test_training_something_without_weights(heatproof: Command) -> None:
    one_line(heatproof("train", "breast_cancer_boosting"), "no weights to train")
    one_line(heatproof("train", "creatures_vitt"), "creatures_vit")


def test_metrics_are_checked_with_their_oracles(heatproof: Command) -> None:
    said = heatproof("check", "metrics", "relevance_mass", "--json")
    assert said.status == 0
    names = {check["name"] for check in json.loads(said.out)["relevance_mass"]}
    assert {"batch_sizes[linear_pictures]", "relevance_mass_of_a_constant_map_is_the_share_of_the_truth"} <= names


TASK = """
import torch
from torch import nn

from heatproof import Batch, Network, Truth, model, task


@model()
def adding() -> Network:
    \"\"\"Adds its columns up.\"\"\"
    layer = nn.Linear(4, 2, bias=False)
    nn.init.ones_(layer.weight)
    return Network(layer)


def rows(gate, split, size):
    x = torch.rand(size, 4, generator=torch.Generator().manual_seed(1))
    columns, target = torch.arange(4).expand(size, -1), torch.zeros(size, dtype=torch.int64)
    return Batch(tuple(f"{split}-{i}" for i in range(size)), x, target, columns, torch.zeros_like(x))


@task(samples=rows, on=adding, family="mine", truth_type="analytic", headline="centred_cosine", knows={"effect"})
def my_task(gate, batch):
    \"\"\"What does each column add?\"\"\"
    return Truth(batch.units, effect=batch.x.double())
"""


def test_a_task_that_is_passed_without_its_network_is_named(heatproof: Command) -> None:
    Path("my_task.py").write_text(TASK, encoding="utf-8")
    said = heatproof("check", "tasks", "my_task.py", "--samples", "12")
    assert said.status == 1
    seen = " ".join(said.out.split())  # lines are as wide as the terminal
    assert "FAILED best_cheat: magnitude scores 1.00 without asking the network, at most 0.50 allowed" in seen
    assert "ok controls_separate: the truth has 1.00, random maps" in seen
    found = json.loads(heatproof("check", "tasks", "my_task.py", "--samples", "12", "--json").out)
    assert [check["name"] for check in found["my_task"] if not check["passed"]] == ["best_cheat"]


def test_checks_of_what_is_not_there(heatproof: Command) -> None:
    one_line(heatproof("check", "tasks", "my_tusk.py"), "my_tusk.py does not exist")
    one_line(heatproof("check", "tasks", "linnear"), "did you mean linear")
    one_line(heatproof("check", "tasks", "--peer", "captum"), "check metrics")
    Path("empty.py").write_text("", encoding="utf-8")
    for kind in ("task", "metric", "method"):
        one_line(heatproof("check", f"{kind}s", "empty.py"), f"empty.py registers no {kind}: decorate a function")


def test_peers_that_are_not_there_or_unknown(heatproof: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    one_line(heatproof("check", "metrics", "--peer", "quantos"), "unknown peer 'quantos'")
    one_line(heatproof("check", "methods", "--peer", "captum"), "check metrics")
    one_line(heatproof("check", "metrics", "--peer", "captum", "Infidelty"), "captum has no 'Infidelty'")


def test_a_peer_is_measured_and_its_page_written(heatproof: Command) -> None:
    said = heatproof("check", "metrics", "--peer", "captum", "captum.infidelity", "--page", "peers.md")
    assert said.status == 0
    page = Path("peers.md").read_text(encoding="utf-8")
    assert "## captum" in page
    assert page.count("| `captum.infidelity` (infidelity") == 2
    assert "normalize=True" in page


def test_rankings_under_other_protocols(heatproof: Command) -> None:
    heatproof("run", "tiny.toml")
    said = heatproof("panel", "runs/tiny", "--imputers", "marginal", "--samples", "3")
    assert said.status == 0
    assert "marginal" in said.out
    header = Path("runs/tiny/panel.csv").read_text(encoding="utf-8").partition("\n")[0]
    assert {"tau", "low", "high", "imputer", "readout", "sign", "steps"} <= set(header.split(","))
    one_line(heatproof("panel", "runs/tiny", "--readouts", "chance"), "readout 'chance' is unknown")


def test_imputers_are_listed(heatproof: Command) -> None:
    assert "noisy_linear" in heatproof("list", "imputers").out
