"""The estimate of a plan: what it counts, and what it measures."""

import time
from pathlib import Path

import pytest

from heatproof.benchmark import estimate as module
from heatproof.benchmark.data import Batch
from heatproof.benchmark.estimate import STORING, estimate
from heatproof.benchmark.plan import plan
from heatproof.benchmark.suite import Suite

TABLES = ("linear", "additive_curves")


def suite(**changes: object) -> Suite:
    whole: dict[str, object] = {
        "name": "tables",
        "version": "1",
        "samples": 20,
        "tasks": TABLES,
        "methods": ("random", "oracle", "gradient", "kernel_shap"),
        "metrics": ("effect_cosine",),
    }
    return Suite.model_validate({**whole, **changes})


@pytest.fixture(autouse=True)
def _untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test find what another has tried."""
    monkeypatch.setattr(module, "_tried", {})


def test_the_own_work_of_a_part_counts_once_a_call_and_once_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """On tables it is nearly all: passes through small networks take a microsecond."""

    def work(_work: object, batch: Batch, _batch_size: int) -> None:
        time.sleep(0.004 + 0.002 * len(batch))

    monkeypatch.setattr(module, "_do", work)
    monkeypatch.setattr(module, "_measured", lambda *_: module._Measured(16, 0.0, 0.0, 0.0))
    pieces = len(TABLES) * (4 + 4)
    expected = pieces * (STORING + 0.004 + 0.002 * 20)
    assert estimate(plan(suite())).seconds == pytest.approx(expected, rel=0.3)
    module._tried.clear()
    monkeypatch.setattr(module, "_do", lambda *_: time.sleep(module.BRIEF + 0.01))
    long = len(TABLES) * (4 + 1) * (module.BRIEF + 0.01) * 20
    assert estimate(plan(suite())).seconds > 0.9 * long


def test_repeats_and_tasks_on_the_same_samples_are_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    monkeypatch.setattr(module, "_tried_on", lambda work, _: tried.append(work.asked.part.name) or 1.0)
    names = ("random", "oracle", "kernel_shap", "gradient")
    both = ("cancer_groups@breast_cancer_mlp", "cancer_columns@breast_cancer_mlp")
    asked = suite(tasks=both, repeats=3, methods=names)
    found = estimate(plan(asked))
    assert sorted(tried) == sorted([*names, "effect_cosine", "effect_cosine"])
    explained = 3 + 3 + 1 + 2
    assert found.seconds == pytest.approx((explained + 2 * (3 + 3 + 1 + 1)) * (1 + STORING), rel=0.2)


def test_long_passes_are_all_that_counts_and_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_measured", lambda *_: module._Measured(16, 0.5, 0.1, 0.3))
    monkeypatch.setattr(module, "_tried_on", lambda *_: 0.0)
    only = suite(tasks=("linear",), methods=("random", "gradient"))
    passes, making = 20 * 0.3, 20 * 0.5
    assert estimate(plan(only)).seconds == pytest.approx(passes + making + 4 * STORING)


def test_a_metric_that_explains_again_is_counted_as_one_more_explanation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_tried_on", lambda *_: 0.0)
    words = {"tasks": ("analytic_contrast",), "methods": ("gradient",), "samples": 4}
    once, twice = (estimate(plan(suite(**words, metrics=(m,)))) for m in ("effect_cosine", "effect_contrast"))
    assert (once.forward, once.backward) == (4, 4)
    assert (twice.forward, twice.backward) == (8, 8)


def test_what_fails_or_is_not_shipped_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan runs nothing of a stranger's, and a run writes down what goes wrong."""

    def fail(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(module, "_do", fail)
    assert estimate(plan(suite())).seconds > 0
    monkeypatch.setattr(module, "PACKAGE", "elsewhere")
    monkeypatch.setattr(module, "_tried_on", fail)
    assert estimate(plan(suite())).seconds > 0
