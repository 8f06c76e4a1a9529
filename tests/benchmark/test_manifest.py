"""The manifest: methods that are run one after another, or at the same time, in one directory stand side by side."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from heatproof.benchmark import import_file, methods, seed_of
from heatproof.benchmark.manifest import keep
from heatproof.benchmark.plan import plan
from heatproof.benchmark.results import Results
from heatproof.benchmark.run import run
from heatproof.benchmark.suite import Suite
from heatproof.leaderboard.board import Standing

TASKS = ("linear", "correlated_linear", "additive_curves")
MINE = """
from heatproof import method

@method()
def {name}(x):
    "The input, times a factor."
    return {factor} * x
"""
UNSIGNED = """
from heatproof import method

@method(signed=False)
def unsigned(x):
    "The magnitude of the input."
    return x.abs()
"""


@pytest.fixture(autouse=True)
def _own(own_parts: None) -> None:
    """Forget the methods of the tests."""


def suite(**changes: object) -> Suite:
    whole: dict[str, object] = {
        "name": "pair",
        "version": "1",
        "samples": 8,
        "tasks": TASKS,
        "methods": ("random", "oracle", "gradient"),
        "metrics": ("effect_cosine",),
    }
    return Suite.model_validate({**whole, **changes})


def mine(folder: Path, name: str, factor: float = 1.0) -> Path:
    path = folder / f"{name}.py"
    path.write_text(MINE.format(name=name, factor=factor), encoding="utf-8")
    return path


def run_alone(path: Path, folder: Path, chosen: Suite | None = None) -> Results:
    """Run the method of a file as a process of its own would, which knows no other file."""
    for name in list(methods._parts):
        if not methods._parts[name].function.__module__.startswith("heatproof."):
            del methods._parts[name]
    return run(chosen or suite(), folder, methods.from_module(import_file(path)))


def scores(results: Results) -> dict[str, list[float]]:
    table = results.scores
    return {name: rows["value"].tolist() for name, rows in table.groupby("method")}


def test_methods_that_are_run_one_after_another_stay(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    whole = run(suite(), folder)
    first = run_alone(mine(tmp_path, "first"), folder)
    second = run_alone(mine(tmp_path, "second"), folder)
    assert list(second.manifest["methods"]) == ["random", "oracle", "gradient", "second", "first"]
    assert second.missing == 0
    assert second.unfinished == ()
    for earlier in (whole, first):
        assert scores(earlier).items() <= scores(second).items()
    board = Standing(second).boards["black box"].rows
    assert {"first", "second", "gradient"} <= set(board.index)
    again = run(suite(), folder)
    assert scores(again) == scores(second)


def test_a_method_without_signs_stays_as_well(tmp_path: Path) -> None:
    path = tmp_path / "unsigned.py"
    path.write_text(UNSIGNED, encoding="utf-8")
    before = run_alone(path, tmp_path / "run")
    after = run_alone(mine(tmp_path, "second"), tmp_path / "run")
    assert after.unfinished == ("gradient",)
    assert scores(after)["unsigned"] == scores(before)["unsigned"]


def test_a_method_that_is_run_again_with_other_code_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run_alone(mine(tmp_path, "other"), folder)
    before = run_alone(mine(tmp_path, "first"), folder)
    after = run_alone(mine(tmp_path, "first", -1.0), folder)
    assert [cell[:4] for cell in after.manifest["cells"]].count(["linear", "first", "effect_cosine", 0]) == 1
    assert scores(after)["first"] != scores(before)["first"]
    assert scores(after)["other"] == scores(before)["other"]


def test_an_earlier_result_that_rests_on_what_has_changed_leaves_the_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    run_alone(mine(tmp_path, "first"), folder)
    monkeypatch.setattr("heatproof.benchmark.plan.explain", seed_of)  # another kernel
    later = run_alone(mine(tmp_path, "second"), folder)
    assert later.unfinished == later.absent == ("gradient", "first")
    assert "first" not in scores(later)
    assert Standing(later).place("first") == "first is not ranked: results of it are missing, run it again"


def test_a_suite_that_grows_keeps_what_was_run_and_says_what_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run_alone(mine(tmp_path, "first"), folder, suite(tasks=TASKS[:2]))
    grown = run_alone(mine(tmp_path, "second"), folder, suite())
    assert grown.absent == ("gradient",)
    assert grown.unfinished == ("gradient", "first")
    assert "first" in scores(grown)
    assert "first" not in Standing(grown).scores.table["method"].unique()
    assert run_alone(mine(tmp_path, "first"), folder, suite()).unfinished == ("gradient",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "other"}, "is a run of pair@1, not of other@1: give another --out"),
        ({"version": "2"}, "is a run of pair@1, not of pair@2: give another --out"),
        ({"samples": 9}, "is a run of pair@1 with other samples: give another --out"),
        ({"tasks": TASKS[1:], "seed": 1}, "is a run of pair@1 with other seed, tasks: give another --out"),
        ({"settings": {"gradient": {"layer": ""}}}, "is a run of pair@1 with other settings: give another --out"),
    ],
)
def test_another_suite_is_refused_in_one_line(tmp_path: Path, change: dict[str, object], message: str) -> None:
    run(suite(), tmp_path)
    kept = (tmp_path / "run.json").read_bytes()
    with pytest.raises(ValueError, match=message):
        run(suite(**change), tmp_path)
    assert (tmp_path / "run.json").read_bytes() == kept
    assert run(suite(summary="another"), tmp_path).missing == 0


def test_a_damaged_manifest_is_refused_in_one_line(tmp_path: Path) -> None:
    results = run(suite(), tmp_path)
    path = tmp_path / "run.json"
    path.write_text(path.read_text()[:-100])
    for attempt in (lambda: run(suite(), tmp_path), lambda: Results.read(tmp_path)):
        with pytest.raises(ValueError, match=r"run\.json is damaged \(.*\): remove it and run again"):
            attempt()
    path.unlink()
    assert scores(run(suite(), tmp_path)) == scores(results)


def test_writers_of_one_manifest_wait_for_each_other(tmp_path: Path) -> None:
    """Each reads, adds and writes; without a lock, the last one would win."""
    run(suite(), tmp_path)
    writer = """
import sys, time
from pathlib import Path
from heatproof.benchmark import import_file, manifest, methods
from heatproof.benchmark.plan import plan
from heatproof.benchmark.results import read_manifest
from heatproof.benchmark.suite import Suite
import json
folder, file = Path(sys.argv[1]), Path(sys.argv[2])
suite = Suite.model_validate(read_manifest(folder)["suite"])
cells = plan(suite, methods.from_module(import_file(file)))
real = manifest.write_atomic
manifest.write_atomic = lambda *rest: (time.sleep(0.5), real(*rest))
print("ready", flush=True)
input()
manifest.keep(folder, suite, cells)
"""
    names = ["first", "second", "third"]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", writer, str(tmp_path), str(mine(tmp_path, name))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for process in writers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in writers:
        process.communicate()
        assert process.returncode == 0
    content = json.loads((tmp_path / "run.json").read_text())
    assert set(content["methods"]) == {"random", "oracle", "gradient", *names}
    assert len(content["cells"]) == len(plan(suite())) + len(TASKS) * len(names)
    keep(tmp_path, suite(), plan(suite()))
    assert set(json.loads((tmp_path / "run.json").read_text())["methods"]) == set(content["methods"])


RUNNER = """
import os, sys, time, torch
from pathlib import Path
from heatproof.benchmark import import_file, manifest, methods
from heatproof.benchmark.results import read_manifest
from heatproof.benchmark.run import run
from heatproof.benchmark.suite import Suite
torch.set_num_threads(1)
folder, file = Path(sys.argv[1]), Path(sys.argv[2])
suite = Suite.model_validate_json(Path(sys.argv[3]).read_text())
extra = methods.from_module(import_file(file))
print("ready", flush=True)
input()
run(suite, folder, extra)
"""


@pytest.mark.slow
def test_two_runs_in_one_directory_at_once_and_kills_between_them_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "suite.json").write_text(suite().model_dump_json())
    slow = "import time\n" + MINE.replace("    return", "    time.sleep(0.05)\n    return")
    files = [tmp_path / f"{name}.py" for name in ("first", "second")]
    for number, path in enumerate(files, 1):
        path.write_text(slow.format(name=path.stem, factor=number))
    alone = {path.stem: scores(run_alone(path, tmp_path / path.stem)) for path in files}
    folder = tmp_path / "both"
    for wait in (0.02, 0.1, 0.3, 60):
        words = [sys.executable, "-c", RUNNER, str(folder)]
        runs = [
            subprocess.Popen([*words, str(path), str(tmp_path / "suite.json")], stdin=-1, stdout=-1, text=True)
            for path in files
        ]
        for process in runs:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in runs:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in runs:
            try:
                process.wait(wait)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert wait < 60 or process.returncode == 0
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                stream.close()
    both = Results.read(folder)
    assert set(both.manifest["methods"]) == {"random", "oracle", "gradient", "first", "second"}
    assert both.unfinished == ("gradient",)
    assert not both.store.damaged()
    for of_one in alone.values():
        assert of_one.items() <= scores(both).items()
    assert run_alone(files[0], folder).unfinished == ("gradient",)
    assert not [path for path in folder.rglob(".*") if path.is_file()]
