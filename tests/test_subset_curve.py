"""The table of subset selection in the README is what its script prints."""

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import heatproof
from heatproof.benchmark import import_file

ROOT = Path(heatproof.__file__).parent
ROWS = re.findall(r"^\| creatures_.*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
NUMBER = r"(\d\.\d{3})(?: \(([+-]\d\.\d{3}) ± (\d\.\d{3})\))?"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return import_file(ROOT / "tests" / "speed" / "subset_curve.py")


def drawn(names: tuple[str, ...]) -> pd.DataFrame:
    """Scores of three methods on seven pictures of one network."""
    source = np.random.default_rng(0)
    columns = {"network": "net", "picture": [f"p{n}" for n in range(7)], "passes": 12.0}
    scores = [{"insertion": source.random(7), "deletion": source.random(7)} for _ in names]
    frames = [pd.DataFrame({**columns, "method": name, **each}) for name, each in zip(names, scores, strict=True)]
    return pd.concat(frames, ignore_index=True)


def test_means_and_paired_intervals_are_scipys(script: ModuleType) -> None:
    table = drawn(("a", "b", "c"))
    lines = [*script.rows(table, "b")][2:]
    by = table.set_index(["method", "picture"])
    for name, line in zip("abc", lines, strict=True):
        for label, cell in zip(("insertion", "deletion"), re.findall(NUMBER, line), strict=True):
            own, other = by.loc[name, label], by.loc["b", label]
            paired = stats.ttest_rel(own, other).confidence_interval(0.95) if name != "b" else None
            expected = [f"{own.mean():.3f}"]
            if paired is not None:
                expected += [f"{(own - other).mean():+.3f}", f"{(paired.high - paired.low) / 2:.3f}"]
            assert [word for word in cell if word] == expected


def test_the_readme_has_a_row_of_every_method_on_both_networks(script: ModuleType) -> None:
    places = [tuple(re.findall(r"^\| (\w+) \| `(.*?)` \| \d+ \|", row)[0]) for row in ROWS]
    assert places == [(network, name) for network in script.NETWORKS for name in script.NAMES]
    assert all(len(re.findall(NUMBER, row)) == 2 for row in ROWS)


def test_what_is_measured_is_kept_and_not_measured_again(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "NAMES", ("leave_one_out", "random"))
    asked: list[tuple[str, int]] = []
    measure = script.measure
    monkeypatch.setattr(
        script, "measure", lambda name, gate, batch: asked.append((name, len(batch))) or measure(name, gate, batch)
    )
    words = ["--keep", str(tmp_path / "kept.csv"), "--beside", "random"]
    script.main(["--samples", "1", *words])
    script.main(["--samples", "3", *words])
    first = capsys.readouterr().out.splitlines()[-6:]
    assert asked == [*[("leave_one_out", 1), ("random", 1)] * 2, *[("leave_one_out", 2), ("random", 2)] * 2]
    script.main(["--samples", "3", *words])
    assert capsys.readouterr().out.splitlines() == first
    assert len(asked) == 8
