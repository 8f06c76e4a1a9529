"""Nobody waits for a library that is not needed: what is imported when."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import heatproof
from heatproof.leaderboard import agreement
from heatproof.leaderboard.report import FORMATS, PAGE_NEEDS, check_formats
from heatproof.leaderboard.report.text import WRITERS
from heatproof.terminal import catalogue, verbs

HEAVY = {"torch", "numpy", "pandas"}
KINDS = ("suites", *catalogue.FOLDERS)
FIRST = "import heatproof; assert 'torch' not in sys.modules; assert {*heatproof.__all__} <= {*dir(heatproof)}"
LIST = """
from heatproof.cli import main
for words in {words}:
    sys.argv = ["heatproof", *words]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code
"""
EVALUATE = """
import torch, heatproof
@heatproof.method()
def mine(model: heatproof.Differentiable, x, target):
    "A method."
    return x
x = torch.rand(8, 4)
target = torch.zeros(8, dtype=torch.long)
heatproof.evaluate(torch.nn.Linear(4, 2), x, target, {"mine": x}, readout="logit")
heatproof.run
"""


def imported(code: str) -> set[str]:
    """Return the libraries that code imports in a process of its own."""
    told = f"import sys, json\n{code}\nprint(json.dumps([name for name in sys.modules if '.' not in name]))"
    said = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True).stdout
    return set(json.loads(said.splitlines()[-1]))


def test_the_package_imports_what_a_name_needs_when_it_is_asked_for() -> None:
    assert not imported(FIRST) & HEAVY
    assert "torch" in imported("from heatproof import method, metric, task, evaluate, adapt, check_method")


def test_every_public_name_is_there_and_no_other() -> None:
    for name in heatproof.__all__:
        assert getattr(heatproof, name) is not None
    assert heatproof.__all__ == sorted(heatproof.__all__)
    assert set(heatproof.HOMES) < set(heatproof.__all__)
    with pytest.raises(AttributeError, match="module 'heatproof' has no attribute 'methd'"):
        _ = heatproof.methd  # type: ignore[attr-defined]


def test_help_and_lists_import_no_torch() -> None:
    words = [["--help"], ["run", "--help"], ["check", "--help"], *(["list", kind] for kind in KINDS)]
    assert not imported(LIST.format(words=words)) & HEAVY


def test_to_evaluate_imports_nothing_that_only_reports_or_adapters_need() -> None:
    assert not imported(EVALUATE) & {*PAGE_NEEDS, "jinja2", "captum"}


@pytest.mark.parametrize("kind", catalogue.FOLDERS)
def test_the_catalogue_is_fresh(kind: str) -> None:
    stored, fresh = (json.loads(text)[kind] for text in (catalogue.FILE.read_text("utf-8"), catalogue.text()))
    assert stored == fresh, "run `make docs`"
    assert list(catalogue.listing(kind)) == list(getattr(heatproof.benchmark, kind))


@pytest.mark.parametrize("change", ["a plug-in", "a file that is new"])
def test_what_the_catalogue_does_not_have_is_listed_too(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = json.loads(catalogue.FILE.read_text("utf-8"))
    if change == "a plug-in":
        monkeypatch.setattr(catalogue, "entry_points", lambda group: [group])
        del known["dividers"]["benchmark/division/slic.py"]["slic"]
    else:
        del known["dividers"]["benchmark/division/slic.py"]
    monkeypatch.setattr(catalogue, "FILE", tmp_path / "catalogue.json")
    catalogue.FILE.write_text(json.dumps(known))
    assert "slic" in catalogue.listing("dividers")


def test_help_names_what_there_is() -> None:
    assert ("html", *WRITERS) == FORMATS
    assert verbs.MEASURES.split(", ") == list(agreement.MEASURES)


@pytest.mark.parametrize(("module", "package"), PAGE_NEEDS.items())
def test_a_library_of_the_page_that_is_missing_is_told_beforehand(
    module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_formats(FORMATS)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=f"^the page needs what is not installed: pip install {package}$"):
        check_formats(["markdown", "html"])
    check_formats(["markdown", "latex", "csv", "json"])
