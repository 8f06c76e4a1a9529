"""The documentation's examples work as printed."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import heatproof
from heatproof.benchmark import check_method, import_file
from heatproof.cli import main

ROOT = Path(heatproof.__file__).parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SUITE = """
name = "tiny"
version = "1"
samples = 4
tasks = ["linear", "saturation", "suppressor"]
methods = ["random", "oracle"]
metrics = ["effect_cosine"]
"""


@pytest.fixture
def explainer(tmp_path: Path) -> Path:
    """The README's explainer, in a file outside the repository."""
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "my_explainer" in block]
    path = tmp_path / "my_explainer.py"
    path.write_text(code)
    return path


def test_the_explainer_has_at_most_ten_lines(explainer: Path) -> None:
    assert len([line for line in explainer.read_text().splitlines() if line.strip()]) <= 10


def test_the_explainer_keeps_the_contract(explainer: Path, own_parts: None) -> None:
    check_method(import_file(explainer).my_explainer)


def test_the_explainer_runs(
    explainer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], own_parts: None
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(SUITE)
    monkeypatch.setattr(sys, "argv", ["heatproof", "run", "tiny.toml", "--method", str(explainer)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    assert "my_explainer: rank 1 [1-1] of 1 on the differentiable track" in capfd.readouterr().out


def test_the_two_commands_stand_at_the_top() -> None:
    assert README.index("make demo") < README.index("make test") < README.index("## Why")


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    return import_file(ROOT / "docs" / "generate.py")


def test_the_reference_page_is_fresh(generate: ModuleType) -> None:
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == generate.page(), "run `make docs`"


@pytest.mark.slow
def test_the_matrix_of_methods_and_models_is_fresh(generate: ModuleType) -> None:
    assert (ROOT / "docs" / "methods.md").read_text(encoding="utf-8") == generate.matrix(), "run `make docs`"
