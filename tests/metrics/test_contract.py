"""Every registered metric keeps the contract, and a newcomer's is as short as we say."""

import ast
from collections.abc import Callable
from inspect import getsourcefile
from pathlib import Path

import pytest

import heatproof
from heatproof.benchmark import metrics
from heatproof.benchmark.checks import Check, check_metric, metric_checks
from heatproof.benchmark.entries import import_file

CONTRACT = [pytest.param(check, id=f"{name}-{title}") for name in metrics for title, check in metric_checks(name)]
FOLDER = Path(heatproof.__file__).parent / "metrics"

NEWCOMER = '''
from heatproof import metric
from torch import Tensor


@metric(better="higher", reads="positive", paper="arXiv:2003.07258")
def newcomer(attribution: Tensor, truth: Tensor) -> Tensor:
    """The share of positive relevance that falls on the truth; NaN where there is none."""
    positive = attribution.clamp(min=0)
    return (positive * truth).sum(1) / positive.sum(1)
'''


@pytest.mark.parametrize("check", CONTRACT)
def test_contract(check: Callable[[], Check]) -> None:
    outcome = check()
    if outcome.skipped and "[" in outcome.name:
        pytest.skip(outcome.reason)
    # A metric of ours is put to all of its oracles.
    assert outcome.passed, outcome.reason
    assert not outcome.skipped, outcome.reason


def test_name_of_the_function_is_the_name_of_the_file() -> None:
    oracles = FOLDER / "oracles"
    shipped = {name: Path(getsourcefile(metrics[name].function) or "") for name in metrics}
    ours = {name: path for name, path in shipped.items() if FOLDER in path.parents}
    assert {path.stem for path in FOLDER.rglob("[!_]*.py") if oracles not in path.parents} == set(ours)
    assert all(path.stem == name for name, path in ours.items())


@pytest.mark.usefixtures("own_parts")
def test_a_newcomers_metric_is_short_registers_from_a_file_and_keeps_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "newcomer.py"
    path.write_text(NEWCOMER, encoding="utf-8")
    (part,) = metrics.from_module(import_file(path))
    assert part.name == "newcomer"
    (body,) = [node.body for node in ast.parse(NEWCOMER).body if isinstance(node, ast.FunctionDef)]
    assert (body[-1].end_lineno or 0) - body[1].lineno + 1 <= 10
    check_metric(part)
