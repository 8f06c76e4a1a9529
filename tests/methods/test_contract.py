"""Every registered method keeps the contract, and a newcomer's is as short as we say."""

import ast
from collections.abc import Callable
from inspect import getsourcefile
from pathlib import Path
from statistics import median

import pytest

import heatproof
from heatproof.benchmark import methods
from heatproof.benchmark.checks import Check, check_method, method_checks
from heatproof.benchmark.entries import import_file

CONTRACT = [pytest.param(check, id=f"{name}-{title}") for name in methods for title, check in method_checks(name)]
FOLDER = Path(heatproof.__file__).parent / "methods"

NEWCOMER = '''
from heatproof import Differentiable, method
from torch import Tensor


@method(paper="arXiv:1605.01713")
def newcomer(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The gradient of the target score, times the input."""
    return x * model.gradient(x, target)
'''


@pytest.mark.parametrize("check", CONTRACT)
def test_contract(check: Callable[[], Check]) -> None:
    outcome = check()
    if outcome.skipped:
        pytest.skip(outcome.reason)
    assert outcome.passed, outcome.reason


def parts() -> list[Path]:
    return [path for path in sorted(FOLDER.rglob("*.py")) if not path.name.startswith("_")]


def test_half_of_the_method_files_have_at_most_25_lines() -> None:
    assert median(len(path.read_text(encoding="utf-8").splitlines()) for path in parts()) <= 25


def test_name_of_the_function_is_the_name_of_the_file() -> None:
    """A library's method, `x@library`, lives in the library's own file."""
    files = {name: Path(getsourcefile(methods[name].function) or "") for name in methods}
    shipped = {name: path.relative_to(FOLDER) for name, path in files.items() if FOLDER in path.parents}
    assert {path.relative_to(FOLDER) for path in parts()} == set(shipped.values())
    ours = {name: path for name, path in shipped.items() if "@" not in name}
    assert all(path.stem == name for name, path in ours.items())
    theirs = {name: path for name, path in shipped.items() if "@" in name}
    assert all(path == Path("libraries", f"{name.partition('@')[2]}.py") for name, path in theirs.items())


@pytest.mark.usefixtures("own_parts")
def test_a_newcomers_method_is_short_registers_from_a_file_and_keeps_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "newcomer.py"
    path.write_text(NEWCOMER, encoding="utf-8")
    (part,) = methods.from_module(import_file(path))
    assert part.name == "newcomer"
    (body,) = [node.body for node in ast.parse(NEWCOMER).body if isinstance(node, ast.FunctionDef)]
    assert (body[-1].end_lineno or 0) - body[1].lineno + 1 <= 10
    check_method(part)
