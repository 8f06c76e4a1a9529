"""Imports point only the allowed way, and inside the package they are relative."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "benchmark": set[str](),
    "models": {"benchmark"},
    "datasets": {"benchmark"},
    "methods": {"benchmark"},
    "metrics": {"benchmark"},
    "leaderboard": {"benchmark"},
    "peers": {"benchmark", "models"},
    "terminal": {"benchmark", "leaderboard", "peers"},
}
FILES = [path.relative_to(ROOT) for folder in ALLOWED for path in sorted((ROOT / folder).rglob("*.py"))]


def imported(file: Path, content: str) -> Iterator[tuple[str, ...]]:
    """Yield what a file imports, as the parts of a name; of this package without its own name, from its root on."""
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            yield from (tuple(name.name.split(".")) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [".", *file.parts[: len(file.parts) - node.level]] if node.level else []
            stem = (*base, *(node.module or "").split(".")) if node.module else tuple(base)
            yield from ((*stem, name.name) for name in node.names)


def breaches(file: Path, content: str) -> list[str]:
    """Return what a file may not import."""
    home = file.parts[0]
    found = []
    for name in imported(file, content):
        if name[0] == "heatproof":
            found.append(f"{'.'.join(name)} is not relative")
        elif name[0] == "." and name[1] != home and name[1] not in ALLOWED[home]:
            found.append(f"{home} may not import {'.'.join(name[1:])}")
    return found


@pytest.mark.parametrize("file", FILES, ids=str)
def test_imports_point_the_allowed_way(file: Path) -> None:
    assert not breaches(file, (ROOT / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("file", "content", "wrong"),
    [
        ("benchmark/a.py", "from .data import Batch", False),
        ("benchmark/checks/a.py", "from ..data import Batch", False),
        ("benchmark/a.py", "from ..methods import gradient", True),
        ("benchmark/checks/a.py", "from ...methods.gradients import gradient", True),
        ("methods/cam/a.py", "from ...benchmark import method", False),
        ("methods/cam/a.py", "from .._shared import scale", False),
        ("methods/cam/a.py", "from ...metrics import truth", True),
        ("methods/cam/a.py", "def f():\n    from ...datasets.creatures import render", True),
        ("models/a.py", "from .. import datasets", True),
        ("models/a.py", "from .. import benchmark", False),
        ("leaderboard/a.py", "from ..models.adapters import adapt", True),
        ("metrics/truth/a.py", "from heatproof.benchmark import metric", True),
        ("metrics/truth/a.py", "import heatproof", True),
        ("metrics/truth/a.py", "import torch\nfrom scipy import stats", False),
    ],
)
def test_the_test_sees_where_an_import_points(file: str, content: str, wrong: bool) -> None:
    assert bool(breaches(Path(file), content)) == wrong


def test_every_folder_of_the_package_has_its_rule() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "docs"}
    assert packages == set(ALLOWED)
    assert len(FILES) > 50
