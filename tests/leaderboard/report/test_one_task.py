"""One task, one sample: what cannot be known is a dash, or null, with its reason; no writer prints nan."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

Command = Callable[..., SimpleNamespace]
SUITE = """
name = "one"
version = "1"
samples = 1
tasks = ["linear"]
methods = ["random", "oracle", "gradient", "leave_one_out"]
metrics = ["effect_cosine", "sparseness"]
"""
REASON = "one task: no interval"


@pytest.fixture
def heatproof(command: Command) -> Command:
    Path("one.toml").write_text(SUITE)
    assert command("run", "one.toml").status == 0
    return command


def test_no_format_prints_nan(heatproof: Command) -> None:
    report = Path("runs/one/report")
    for name in ("index.html", "report.md", "board.tex", "board.csv", "scores.csv", "board.json", "references.bib"):
        text = (report / name).read_text(encoding="utf-8")
        assert not re.search(r"\bnan\b", text, re.IGNORECASE), name
        if name in ("index.html", "report.md", "board.tex", "board.json"):
            assert REASON in text.lower(), name
    for path in report.glob("assets/*.svg"):
        assert "NaN" not in path.read_text(encoding="utf-8"), path
    track = json.loads((report / "board.json").read_text(encoding="utf-8"))["tracks"]["differentiable"]
    assert track["minimum_detectable_difference"] is track["reliability"] is track["rows"][0]["low"] is None


@pytest.mark.parametrize(
    "words",
    [
        ("run", "one.toml"),
        ("compare", "runs/one", "gradient", "leave_one_out"),
        ("agreement", "runs/one"),
        ("panel", "runs/one", "--samples", "2"),
    ],
    ids=lambda words: words[0],
)
def test_the_terminal_prints_no_nan(heatproof: Command, words: tuple[str, ...]) -> None:
    shown, data = heatproof(*words), heatproof(*words, "--json")
    assert shown.status == data.status == 0
    assert not re.search(r"\bnan\b", shown.out, re.IGNORECASE)
    assert "1 tasks" not in shown.out
    assert "1 samples" not in shown.out
    json.loads(data.out, parse_constant=lambda word: pytest.fail(word))
    if words[0] == "run":
        assert REASON in shown.out
