"""The three experiments of the paper on local function approximation, as the suite `local` has them, on few samples."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

import heatproof
from heatproof.benchmark.results import Results
from heatproof.benchmark.run import run
from heatproof.benchmark.suite import read_suite
from heatproof.leaderboard.agreement import agreement

pytestmark = pytest.mark.slow

SUITE = read_suite(Path(heatproof.__file__).parent / "leaderboard" / "suites" / "local.toml")
BY_HIDING = ("lime", "kernel_shap", "leave_one_out", "integrated_gradients", "input_x_gradient")
BY_MOVING = ("c_lime", "smoothgrad[budget=1000]", "gradient")
INSTANCE = {
    name: other
    for name, other in zip(SUITE.methods, SUITE.methods[1:], strict=False)
    if name in (*BY_HIDING, *BY_MOVING)
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    few = SUITE.model_copy(update={"tasks": ("linear", "softmax_gate"), "samples": 30})
    return run(few, tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="module")
def means(results: Results) -> Mapping[tuple[str, str, str], float]:
    """The mean of each (task, method, score)."""
    found: pd.Series[float] = results.scores.groupby(["task", "method", "score"])["value"].mean()
    return found


def test_every_method_stands_beside_its_instance() -> None:
    assert all(other.startswith("local_approximation[") for other in INSTANCE.values())
    assert len(set(INSTANCE.values())) == len(INSTANCE) == 8


@pytest.mark.parametrize(("task", "tolerance"), [("linear", 0.005), ("softmax_gate", 0.1)])
def test_every_method_is_its_instance_and_the_two_kinds_are_far_apart(
    results: Results, task: str, tolerance: float
) -> None:
    """Their distance, in parts of what it is between the kinds; they draw on their own, so some noise is left."""
    l1, cosine = (agreement(results, task, name, draws=9).matrix(task) for name in ("l1", "cosine"))
    apart = float(l1.loc[[*BY_HIDING], [*BY_MOVING]].min().min())
    for name, other in INSTANCE.items():
        assert l1.loc[name, other] <= tolerance * apart, name
        assert 1 - cosine.loc[name, other] <= tolerance, name
    assert apart > 1
    assert cosine.loc[[*BY_HIDING], [*BY_MOVING]].max().max() < 0.5


def test_a_linear_model_is_recovered_by_its_weights_or_by_its_terms(
    means: Mapping[tuple[str, str, str], float],
) -> None:
    """LIME's ridge takes a hundredth off."""
    for names, exact, other in (
        (BY_MOVING, "gradient", "integrated_gradients"),
        (BY_HIDING, "integrated_gradients", "gradient"),
    ):
        for name in names:
            assert means["linear", name, f"value_error[concept={exact}]"] <= 0.02, name
            assert means["linear", name, f"value_error[concept={other}]"] > 1, name


def test_each_kind_wins_the_perturbation_test_that_is_its_own(means: Mapping[tuple[str, str, str], float]) -> None:
    """No free lunch: hiding columns and adding noise to them favour the explanations that were fitted to it."""
    scores = {
        score: [[means["linear", name, score] for name in names] for names in (BY_HIDING, BY_MOVING)]
        for score in ("insertion", "deletion", "pgi", "pgu")
    }
    assert min(scores["insertion"][0]) > max(scores["insertion"][1])
    assert max(scores["deletion"][0]) < min(scores["deletion"][1])
    assert max(scores["pgi"][0]) < min(scores["pgi"][1])
    assert min(scores["pgu"][0]) > max(scores["pgu"][1])
