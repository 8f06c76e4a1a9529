"""The contract of every method on the embedded networks themselves, in double precision."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache, partial

import pytest

from heatproof.benchmark import Gate, methods, tasks
from heatproof.benchmark.checks import Check
from heatproof.benchmark.checks._check import named
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.checks.method_checks import CHECKS, Subject, economical

pytestmark = pytest.mark.slow

ON = {
    "creatures_resnet": "part_shapley@creatures_resnet",
    "creatures_vit": "part_shapley@creatures_vit",
    "breast_cancer_mlp": "cancer_columns@breast_cancer_mlp",
    "breast_cancer_boosting": "cancer_columns@breast_cancer_boosting",
}
ASKED = ("shape", "finite", "repeatable", "alone", "network", "random_state", "cost")


@cache
def question(model: str) -> Question:
    """Three samples of a task; the network in double precision where it is one."""
    task = tasks[ON[model]]
    batch, network = task.questions("test", 3), task.gate().network
    if network.module is not None:
        network = replace(network, module=deepcopy(network.module).double())
    x, baseline = batch.x.double(), batch.baseline.double()
    pool = None if batch.pool is None else batch.pool.double()
    return Question(Gate(network, task.readout), replace(batch, x=x, baseline=baseline, pool=pool))


def contract() -> list[object]:
    found = []
    for name in [name for name in methods if "@" not in name]:
        for model in ON:
            subject = Subject(methods[name], economical(methods[name]), partial(question, model))
            checks = [named(check, partial(CHECKS[check], subject)) for check in ASKED]
            found += [pytest.param(check, id=f"{name}-{model}-{title}") for title, check in checks]
    return found


@pytest.mark.parametrize("check", contract())
def test_contract(check: Callable[[], Check]) -> None:
    outcome = check()
    if outcome.skipped:
        pytest.skip(outcome.reason)
    assert outcome.passed, outcome.reason
