"""The sensitivity panel against rankings that are made by hand."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from heatproof.benchmark import UnknownName, metrics, tasks
from heatproof.benchmark.harness import Asked, score
from heatproof.benchmark.results import Results
from heatproof.benchmark.run import run
from heatproof.benchmark.suite import Suite
from heatproof.leaderboard._protocols import Choices
from heatproof.leaderboard.panel import kendall, not_served, panel, summary

TASKS = ("linear", "saturation", "suppressor")
METHODS = ("random", "oracle", "constant", "gradient", "leave_one_out", "integrated_gradients")
METRICS = ("perturbation_curves", "effect_cosine", "sparseness", "effect_contrast")
CHOICES = Choices(imputers=("baseline", "marginal", "blur"), readouts=("logit", "probability"), steps=(2, 16))
SAMPLES = 6
KEY = ["task", "score", "imputer", "readout", "sign", "steps"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    suite = Suite(name="tiny", version="1", samples=8, tasks=TASKS, methods=METHODS, metrics=METRICS)
    return run(suite, tmp_path_factory.mktemp("panel"))


@pytest.fixture(scope="module")
def found(results: Results) -> pd.DataFrame:
    return panel(results, choices=CHOICES, samples=SAMPLES)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=8))
def test_tau_is_scipys(pairs: list[tuple[int, int]]) -> None:
    left, right = np.array(pairs, dtype=float).T
    expected = kendalltau(left, right).statistic
    assert float(kendall(left, right)) == pytest.approx(expected, nan_ok=True)


def test_what_one_of_two_does_not_know_is_left_out() -> None:
    left, right = np.array([1.0, np.nan, 2.0, 3.0]), np.array([5.0, 1.0, np.nan, 7.0])
    assert kendall(left, right) == 1.0
    assert np.isnan(kendall(left, np.full(4, np.nan)))


def means(results: Results, task: str, name: str, sign: str, **told: object) -> list[float]:
    """Each method's mean score, one after the other, without anything that is remembered."""
    question, found = tasks[task], []
    for method in METHODS:
        stored = results.maps(task, method)
        assert stored is not None
        maps = stored.values[:SAMPLES].double()
        read = {"signed": maps, "positive": maps.clamp(min=0), "magnitude": maps.abs()}[sign]
        batch = question.questions("test", 8)[:SAMPLES]
        asked = Asked(metrics["perturbation_curves"], told)
        values = score(asked, question.gate(), batch, read, None)[0][name].numpy()
        found.append(float(np.nanmean(values)) if np.isfinite(values).any() else float("nan"))
    return found


@pytest.mark.parametrize("name", ["insertion", "aopc", "deletion_normalised"])
@pytest.mark.parametrize(
    ("imputer", "readout", "sign", "steps"),
    [("marginal", "logit", "magnitude", 2), ("baseline", "probability", "positive", 16), ("marginal", "", "signed", 2)],
)
def test_each_tau_is_that_of_two_rankings_by_hand(
    results: Results, found: pd.DataFrame, name: str, imputer: str, readout: str, sign: str, steps: int
) -> None:
    own = tasks["suppressor"].readout
    published = means(results, "suppressor", name, "signed")
    other = means(results, "suppressor", name, sign, imputer=imputer, readout=readout, steps=steps)
    row = found.set_index(KEY).loc[("suppressor", name, imputer, readout or own, sign, steps)]
    both = [pair for pair in zip(published, other, strict=True) if not np.isnan(pair).any()]
    assert row["tau"] == pytest.approx(kendalltau(*zip(*both, strict=True)).statistic, nan_ok=True)
    assert np.isnan(row["tau"]) or row["low"] <= row["high"]
    assert (row["samples"], row["methods"]) == (SAMPLES, len(METHODS))


def test_the_suites_own_protocol_agrees_with_itself_and_is_there_once(found: pd.DataFrame) -> None:
    own = found[found["published"]]
    assert set(own["tau"].dropna()) == {1.0}
    assert not found.duplicated(KEY).any()
    assert not own.duplicated(["task", "score"]).any()


def test_every_choice_is_there_in_all_combinations(found: pd.DataFrame) -> None:
    rows = found[(found["score"] == "insertion") & (found["task"] == "linear")]
    assert len(rows) == 2 * len({tasks["linear"].readout, *CHOICES.readouts}) * 3 * 2


def test_a_score_of_the_map_and_the_truth_varies_by_sign_alone(found: pd.DataFrame) -> None:
    rows = found[(found["score"] == "effect_cosine") & (found["task"] == "linear")]
    assert sorted(rows["sign"]) == ["magnitude", "positive", "signed"]
    assert set(found.loc[found["score"] == "sparseness", "sign"]) == {"signed", "positive", "magnitude"}


def test_a_map_that_is_made_anew_keeps_its_sign(results: Results) -> None:
    found = panel(results, choices=CHOICES, samples=SAMPLES)
    assert set(found.loc[found["metric"] == "effect_contrast", "sign"]) <= {"signed"}


def test_an_imputer_that_cannot_serve_is_said_once(found: pd.DataFrame) -> None:
    lost = found[found["imputer"] == "blur"]
    assert len(lost)
    assert lost["tau"].isna().all()
    (line,) = not_served(found[found["imputer"] == "blur"])
    assert line.startswith("blur: ")
    assert line.endswith("(3 tasks)")


def test_the_summary_has_the_lowest_over_tasks_and_choices(found: pd.DataFrame) -> None:
    table = summary(found).set_index(["score", "change"])
    own = found[(found["score"] == "insertion") & found["published"]].set_index("task")
    alone = found[(found["score"] == "insertion") & ~found["published"]]
    for name in ("imputer", "readout", "steps"):
        alone = alone[alone[name].to_numpy() == own.loc[alone["task"], name].to_numpy()]
    line = table.loc[("insertion", "sign")]
    assert line["rankings"] == alone["tau"].notna().sum() > 0
    assert line["lowest"] == alone["tau"].min()
    assert line["median"] == alone["tau"].median()
    lowest = alone[alone["tau"] == line["lowest"]]
    assert (line["choice"], line["where"]) in set(zip(lowest["sign"], lowest["task"], strict=True))
    rest = found[(found["score"] == "insertion") & ~found["published"]]["tau"].dropna()
    assert table.loc[("insertion", "any"), "rankings"] == len(rest)


def test_unknown_words_are_one_line(results: Results) -> None:
    with pytest.raises(UnknownName, match="unknown imputer 'blurr': did you mean blur"):
        panel(results, choices=Choices(imputers=("blurr",)))
    with pytest.raises(ValueError, match="readout 'chance' is unknown"):
        panel(results, choices=Choices(readouts=("chance",)))
    with pytest.raises(UnknownName, match="did you mean linear"):
        panel(results, "linaer")


def test_the_progress_ends_where_it_said(results: Results) -> None:
    seen: list[tuple[int, int]] = []
    panel(results, "linear", CHOICES, samples=2, draws=2, progress=lambda done, total, what: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == len(seen)


def test_torch_is_left_alone(results: Results) -> None:
    state = torch.get_rng_state()
    panel(results, "linear", CHOICES, samples=2, draws=2)
    assert torch.get_rng_state().equal(state)
