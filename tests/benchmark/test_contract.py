"""The contract, over every registered method and metric."""

from collections.abc import Callable

import pytest

from heatproof.benchmark import methods, metrics
from heatproof.benchmark.checks import Check, method_checks, metric_checks

QUICK = {"budget": 64, "steps": 8, "samples": 8, "draws": 8}
"""What settings of these names are, so that the contract is quick: it holds for all values."""


def named(kind: str, name: str) -> list[object]:
    part = {"method": methods, "metric": metrics}[kind][name]
    settings = {word: value for word, value in QUICK.items() if isinstance(part.settings.get(word), int)}
    checks = (method_checks if kind == "method" else metric_checks)(name, **settings)
    return [pytest.param(check, id=f"{name}-{which}") for which, check in checks]


CONTRACT = [
    param for kind, parts in (("method", methods), ("metric", metrics)) for n in parts for param in named(kind, n)
]


@pytest.mark.parametrize("check", CONTRACT)
def test_the_contract_holds(check: Callable[[], Check]) -> None:
    found = check()
    if found.skipped:
        pytest.skip(found.reason)
    assert found.passed, found.reason
