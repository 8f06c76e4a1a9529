"""Maps that stored baselines come without are made again, the same as they were."""

import sys
from pathlib import Path
from shutil import copytree

import pytest

from heatproof.benchmark import methods
from heatproof.benchmark.results import Results
from heatproof.benchmark.run import run
from heatproof.benchmark.suite import Suite
from heatproof.cli import main
from heatproof.leaderboard.agreement import agreement
from heatproof.leaderboard.missing_maps import cost_of, explain_again, missing_maps

METHODS = ("random", "oracle", "gradient", "kernel_shap")
SUITE = Suite(
    name="tiny", version="1", samples=4, tasks=("linear", "saturation"), methods=METHODS, metrics=("effect_cosine",)
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A run of the whole suite, with all its maps."""
    return run(SUITE, tmp_path_factory.mktemp("whole"))


@pytest.fixture
def from_baselines(whole: Results, tmp_path: Path) -> Results:
    """A run of one method more among the stored records of the others, which come without maps."""
    stored = {entry[4]: record for entry, record in zip(whole.manifest["cells"], whole.records, strict=True)}
    return run(SUITE, tmp_path / "run", [methods["input_x_gradient"]], baselines=stored)


def test_only_maps_of_stored_baselines_are_missing(whole: Results, from_baselines: Results) -> None:
    assert not missing_maps(whole)
    assert {cell.method.part.name for cell, _ in missing_maps(from_baselines).values()} == set(METHODS)


def test_what_is_made_again_is_what_was_there(whole: Results, from_baselines: Results) -> None:
    seen: list[tuple[int, int]] = []
    missing = missing_maps(from_baselines)
    explain_again(from_baselines, missing, lambda done, total, what: seen.append((done, total)))
    assert seen == [(place, len(missing)) for place in range(len(missing))]
    for task in SUITE.tasks:
        for name in METHODS:
            first, second = whole.maps(task, name), from_baselines.maps(task, name)
            assert first is not None
            assert second is not None
            assert (first.ids, first.values.tolist()) == (second.ids, second.values.tolist())
            assert (first.cost.forward, first.cost.backward) == (second.cost.forward, second.cost.backward)
    assert not missing_maps(from_baselines)


def test_the_cost_is_that_of_the_first_time(whole: Results, from_baselines: Results) -> None:
    keys = {entry[5] for entry in whole.manifest["cells"]}
    stored = [maps for key in keys if (maps := whole.store.maps(key))]
    forward, backward = (sum(getattr(maps.cost, word) for maps in stored) for word in ("forward", "backward"))
    line = cost_of(missing_maps(from_baselines))
    assert line.startswith(f"explaining again {len(keys)} times")
    assert f": {forward:,} passes forward and {backward:,} backward, " in line


def test_one_task_alone_makes_its_maps_alone(from_baselines: Results) -> None:
    explain_again(from_baselines, missing_maps(from_baselines, "linear"))
    assert from_baselines.maps("linear", "gradient") is not None
    assert from_baselines.maps("saturation", "gradient") is None


def test_what_other_code_made_is_not_made_again(from_baselines: Results) -> None:
    """Its maps would be those of other scores."""
    cells = [[*entry[:5], f"{entry[5]}0", entry[6]] for entry in from_baselines.manifest["cells"]]
    assert not missing_maps(Results(from_baselines.folder, {**from_baselines.manifest, "cells": cells}))


def test_the_commands_need_no_whole_run(
    whole: Results, from_baselines: Results, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for words in (["agreement"], ["panel", "--samples", "2"]):
        folder = copytree(from_baselines.folder, from_baselines.folder.with_name(words[0]))
        monkeypatch.setattr(sys, "argv", ["heatproof", words[0], str(folder), "--task", "linear", *words[1:]])
        with pytest.raises(SystemExit) as stop:
            main()
        assert not stop.value.code
        assert "heatproof: explaining again 4 times" in capfd.readouterr().err
    pairs = agreement(Results.read(from_baselines.folder.with_name("agreement")), "linear").pairs
    pairs = pairs[~pairs[["a", "b"]].isin(["input_x_gradient"]).any(axis=1)].reset_index(drop=True)
    assert pairs.equals(agreement(whole, "linear").pairs)
