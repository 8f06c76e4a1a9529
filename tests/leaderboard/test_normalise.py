"""Control normalisation against closed forms and a slow loop; nothing that is missing may help anybody."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from heatproof.leaderboard.normalise import TaskScores, task_scores

HEADLINE = {"t1": "mass", "t2": "insertion"}
SEEDS = {"random": (0, 1, 2), "oracle": (0,), "good": (0,), "noisy": (0, 1, 2), "edges": (0,)}
LEVEL = {"random": 0.2, "oracle": 0.9, "good": 0.6, "noisy": 0.5, "edges": 0.3}
N = 40


def cell(task: str, method: str, seed: int, values: Sequence[float] | np.ndarray, score: str = "") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "task": task,
            "family": f"family of {task}",
            "truth_type": "interventional",
            "method": method,
            "score": score or HEADLINE.get(task, "mass"),
            "seed": seed,
            "sample": [f"s{i:03d}" for i in range(len(values))],
            "value": np.asarray(values, dtype=float),
            "status": "ok",
            "reason": "",
        }
    )


def absent(task: str, method: str, seed: int, status: str) -> pd.DataFrame:
    return cell(task, method, seed, [math.nan]).assign(sample="", status=status, reason="because")


def draw(seed: int = 0, n: int = N, seeds: Mapping[str, Sequence[int]] = SEEDS) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    cells = []
    for task in HEADLINE:
        shared = rng.normal(size=n) * 0.1
        for method, own in seeds.items():
            cells += [cell(task, method, s, LEVEL[method] + shared + 0.05 * rng.normal(size=n)) for s in own]
    return pd.concat([*cells, cell("t1", "good", 0, np.full(n, 1e9), score="another")], ignore_index=True)


def without(scores: pd.DataFrame, task: str, method: str, seed: int | None = None) -> pd.DataFrame:
    gone = (scores["task"] == task) & (scores["method"] == method)
    return scores[~gone if seed is None else ~(gone & (scores["seed"] == seed))]


def replaced(scores: pd.DataFrame, task: str, method: str, status: str, seed: int = 0) -> pd.DataFrame:
    return pd.concat([without(scores, task, method, seed), absent(task, method, seed, status)], ignore_index=True)


def row(result: TaskScores, task: str, method: str) -> pd.Series:
    table = result.table
    return table[(table["task"] == task) & (table["method"] == method)].iloc[0]


def report(result: TaskScores, task: str = "t1") -> pd.Series:
    return result.tasks.set_index("task").loc[task]


def slow_raw(scores: pd.DataFrame, task: str, method: str) -> float:
    """Samples within seeds, then seeds, by loops over rows."""
    of_seed: dict[int, list[float]] = {}
    for item in scores.itertuples():
        if item.task == task and item.method == method and item.score == HEADLINE[task]:
            of_seed.setdefault(item.seed, []).append(item.value)
    means = [sum(values) / len(values) for values in of_seed.values()]
    return sum(means) / len(means)


def test_z_is_the_definition() -> None:
    scores = draw()
    result = task_scores(scores.sample(frac=1, random_state=1), HEADLINE)
    for item in result.table.itertuples():
        raw, low, high = (slow_raw(scores, item.task, method) for method in (item.method, "random", "oracle"))
        assert item.raw == pytest.approx(raw, rel=1e-12)
        assert item.z == pytest.approx((raw - low) / (high - low), rel=1e-12, abs=1e-15)
        assert (item.n, item.seeds, item.imputed_samples) == (N, len(SEEDS[item.method]), 0)
        assert item.status == "ok"


def test_controls_are_exactly_zero_and_one() -> None:
    table = task_scores(draw(), HEADLINE).table
    assert table.loc[table["method"] == "random", "z"].tolist() == [0.0, 0.0]
    assert table.loc[table["method"] == "oracle", "z"].tolist() == [1.0, 1.0]
    assert table.loc[table["role"] == "control", "se"].tolist() == pytest.approx([0.0] * 4, abs=1e-15)


def test_scores_beyond_the_controls_are_not_clipped() -> None:
    scores = pd.concat(
        [cell("t1", m, 0, [v, v]) for m, v in {"random": 1.0, "oracle": 3.0, "x": 7.0, "y": -2.0}.items()]
    )
    result = task_scores(scores, {"t1": "mass"})
    assert row(result, "t1", "x")["z"] == 3.0
    assert row(result, "t1", "y")["z"] == -1.5


def test_samples_average_to_the_task_score() -> None:
    result = task_scores(draw(), HEADLINE)
    means = result.samples.groupby(["task", "method"])[["value", "z"]].mean()
    expected = result.table.set_index(["task", "method"])[["raw", "z"]]
    np.testing.assert_allclose(means.to_numpy(), expected.loc[means.index].to_numpy(), atol=1e-14)


@pytest.mark.parametrize("entrant", ["good", "noisy"])
def test_removing_an_entrant_changes_no_bit(entrant: str) -> None:
    scores = draw()
    whole = task_scores(scores, HEADLINE)
    fewer = task_scores(scores[scores["method"] != entrant], HEADLINE)
    for name in ("table", "samples"):
        before = getattr(whole, name)
        after = getattr(fewer, name)
        pd.testing.assert_frame_equal(
            before[before["method"] != entrant].reset_index(drop=True), after, check_exact=True
        )


def test_reversed_direction_flips_nothing() -> None:
    scores = draw()
    reversed_ = task_scores(scores.assign(value=1 - 3 * scores["value"]), HEADLINE)
    result = task_scores(scores, HEADLINE)
    np.testing.assert_allclose(reversed_.table[["z", "se"]], result.table[["z", "se"]], atol=1e-12)
    np.testing.assert_allclose(reversed_.samples["z"], result.samples["z"], atol=1e-12)
    np.testing.assert_allclose(reversed_.tasks["gap"], -3 * result.tasks["gap"])
    assert reversed_.tasks[["share", "admitted"]].equals(result.tasks[["share", "admitted"]])


@pytest.mark.parametrize(
    ("method", "seed", "named"),
    [("good", None, "t2/good/seed 0"), ("noisy", 1, "t2/noisy/seed 1"), ("oracle", None, "t2/oracle/seed 0")],
)
def test_a_deleted_cell_raises(method: str, seed: int | None, named: str) -> None:
    with pytest.raises(ValueError, match=rf"missing cells \(1\): {named}"):
        task_scores(without(draw(), "t2", method, seed), HEADLINE)


def test_a_failed_cell_is_imputed_by_random_and_flagged() -> None:
    result = task_scores(replaced(draw(), "t1", "good", "failed"), HEADLINE)
    failed = row(result, "t1", "good")
    assert failed["z"] == 0.0
    assert failed["raw"] == row(result, "t1", "random")["raw"]
    assert (failed["status"], failed["imputed"], failed["imputed_samples"], failed["n"]) == ("imputed", True, N, N)
    assert failed["imputed_share"] == 1.0
    assert math.isnan(failed["se"])
    assert not row(result, "t2", "good")["imputed"]


def test_one_failed_seed_is_imputed_by_its_share() -> None:
    scores = draw()
    result = task_scores(replaced(scores, "t1", "noisy", "failed", seed=2), HEADLINE)
    kept = [scores.query("task == 't1' and method == 'noisy' and seed == @s")["value"].mean() for s in (0, 1)]
    failed = row(result, "t1", "noisy")
    assert failed["raw"] == pytest.approx((sum(kept) + report(result)["random"]) / 3, rel=1e-12)
    assert (failed["imputed"], failed["imputed_samples"], failed["imputed_share"]) == (True, N, pytest.approx(1 / 3))


def test_a_skipped_method_has_no_score() -> None:
    scores = draw()
    result = task_scores(replaced(scores, "t1", "good", "skipped"), HEADLINE)
    skipped = row(result, "t1", "good")
    assert math.isnan(skipped["z"])
    assert math.isnan(skipped["raw"])
    assert (skipped["status"], skipped["n"], skipped["imputed"]) == ("skipped", 0, False)
    assert row(result, "t2", "good")["z"] == row(task_scores(scores, HEADLINE), "t2", "good")["z"]
    assert not ((result.samples["task"] == "t1") & (result.samples["method"] == "good")).any()


def test_refusing_one_seed_counts_as_failing_it() -> None:
    failed = task_scores(replaced(draw(), "t1", "noisy", "failed", seed=1), HEADLINE)
    refused = task_scores(replaced(draw(), "t1", "noisy", "skipped", seed=1), HEADLINE)
    pd.testing.assert_frame_equal(refused.table, failed.table, check_exact=True)


@pytest.mark.parametrize("bad", [math.nan, math.inf, None], ids=["nan", "inf", "no row"])
def test_an_undefined_sample_becomes_randoms_value_there(bad: float | None) -> None:
    scores = draw()
    here = (scores["task"] == "t1") & (scores["method"] == "good") & (scores["score"] == "mass")
    lost = here & scores["sample"].isin(["s003", "s017"])
    own = scores.loc[here & ~lost, "value"].sum()
    chance = scores.query("task == 't1' and method == 'random' and sample in ['s003', 's017']")["value"].sum() / 3
    spoilt = scores[~lost] if bad is None else scores.assign(value=scores["value"].mask(lost, bad))
    result = row(task_scores(spoilt, HEADLINE), "t1", "good")
    assert result["raw"] == pytest.approx((own + chance) / N, rel=1e-12)
    assert (result["imputed"], result["imputed_samples"], result["n"]) == (False, 2, N)
    assert result["imputed_share"] == 2 / N


def test_dropping_hard_samples_does_not_pay() -> None:
    scores = draw()
    here = (scores["task"] == "t1") & (scores["method"] == "good")
    hard = here & (scores["value"] < scores.loc[here, "value"].median())
    honest = row(task_scores(scores, HEADLINE), "t1", "good")["z"]
    assert row(task_scores(scores.assign(value=scores["value"].mask(hard)), HEADLINE), "t1", "good")["z"] < honest


def test_samples_without_controls_count_for_nobody() -> None:
    scores = draw()
    at = {"oracle": "s001", "random": "s002"}
    gone = np.logical_or.reduce([(scores["method"] == m) & (scores["sample"] == s) for m, s in at.items()])
    result = task_scores(scores.assign(value=scores["value"].mask(gone & (scores["task"] == "t1"))), HEADLINE)
    expected = task_scores(scores[~scores["sample"].isin(at.values())], HEADLINE)
    assert report(result)["undefined"] == 2
    assert report(result)["n"] == N - 2
    pd.testing.assert_frame_equal(
        result.table.query("task == 't1'"), expected.table.query("task == 't1'"), check_exact=True
    )


def test_random_undefined_in_one_seed_keeps_the_sample() -> None:
    scores = draw()
    lost = (
        (scores["task"] == "t1") & (scores["method"] == "random") & (scores["sample"] == "s002") & (scores["seed"] == 1)
    )
    result = task_scores(scores.assign(value=scores["value"].mask(lost)), HEADLINE)
    assert report(result)["n"] == N
    assert row(result, "t1", "random")["z"] == 0.0
    assert row(result, "t1", "random")["imputed_samples"] == 1


def test_admission_needs_a_gap_and_a_share() -> None:
    random, oracle = np.zeros(100), np.ones(100)
    oracle[:5] = 0.0
    scores = pd.concat([cell("t1", "random", 0, random), cell("t1", "oracle", 0, oracle)])
    admitted = report(task_scores(scores, {"t1": "mass"}))
    assert (admitted["gap"], admitted["share"], admitted["admitted"], admitted["reason"]) == (0.95, 0.95, True, "")
    oracle[5] = -1.0
    scores = pd.concat([cell("t1", "random", 0, random), cell("t1", "oracle", 0, oracle)])
    refused = report(task_scores(scores, {"t1": "mass"}))
    assert (refused["share"], refused["admitted"]) == (0.94, False)
    assert "94%" in refused["reason"]


def test_no_gap_is_no_scale() -> None:
    scores = pd.concat([cell("t1", m, 0, [0.5, 0.5]) for m in ("random", "oracle", "good")])
    result = task_scores(scores, {"t1": "mass"})
    assert result.table["z"].isna().all()
    assert report(result)["reason"] == "the oracle does not differ from random"
    assert not report(result)["admitted"]


@pytest.mark.parametrize("level", [0.1, 1e-12, 1e12])
def test_a_gap_that_is_rounding_is_no_scale(level: float) -> None:
    """The mean of three times 0.1 is not 0.1: a gap of 1e-17 would make a score of 1e15 of any entrant."""
    values = {"random": [level] * 3, "oracle": [np.nextafter(level, 2 * level)] * 3, "good": [2 * level] * 3}
    result = task_scores(pd.concat([cell("t1", m, 0, own) for m, own in values.items()]), {"t1": "mass"})
    assert (report(result)["gap"], report(result)["reason"]) == (0, "the oracle does not differ from random")
    assert result.table["z"].isna().all()
    assert result.samples["z"].isna().all()


@pytest.mark.parametrize(("gap", "enough"), [(0.09, False), (0.11, True), (-0.09, False), (-0.11, True)])
def test_admission_needs_a_tenth_between_the_controls(gap: float, enough: bool) -> None:
    scores = pd.concat([cell("t1", m, 0, own) for m, own in (("random", [0.5] * 9), ("oracle", [0.5 + gap] * 9))])
    found = report(task_scores(scores, {"t1": "mass"}))
    assert (found["admitted"], found["reason"]) == (
        enough,
        "" if enough else "the oracle is 0.09 from random, 0.1 needed",
    )


@pytest.mark.parametrize("control", ["random", "oracle"])
@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_a_failed_control_is_an_unadmitted_task(control: str, status: str) -> None:
    scores = draw()
    for seed in SEEDS[control]:
        scores = replaced(scores, "t1", control, status, seed)
    result = task_scores(scores, HEADLINE, canaries=["edges"])
    assert not report(result)["admitted"]
    assert not report(result)["flagged"]
    assert report(result)["reason"] == "no sample is defined for both controls"
    assert result.table.query("task == 't1'")["z"].isna().all()
    assert report(result, "t2")["admitted"]


def test_a_task_where_nothing_ran() -> None:
    scores = pd.concat([absent("t1", m, 0, "failed") for m in ("random", "oracle", "good")])
    assert not report(task_scores(scores, {"t1": "mass"}))["admitted"]


@pytest.mark.parametrize(("canary", "share"), [(0.35, 0.25), (0.45, 0.5), (0.95, 1.0)])
def test_a_canary_above_half_of_the_entrants_is_flagged(canary: float, share: float) -> None:
    levels = {"random": 0.0, "oracle": 1.0, "a": 0.3, "b": 0.4, "c": 0.5, "d": 0.6, "dull": 0.1, "edges": canary}
    scores = pd.concat([cell("t1", method, 0, [level, level]) for method, level in levels.items()])
    result = task_scores(scores, {"t1": "mass"}, canaries=["edges", "dull"])
    found = report(result)
    assert (found["canary"], found["canary_share"], found["flagged"]) == ("edges", share, share >= 0.5)
    assert row(result, "t1", "edges")["role"] == "canary"


def test_standard_error_of_a_fixed_scale_is_the_textbook_one() -> None:
    values = np.random.default_rng(0).normal(size=50)
    scores = pd.concat(
        [
            cell("t1", "random", 0, np.zeros(50)),
            cell("t1", "oracle", 0, np.full(50, 2.0)),
            cell("t1", "good", 0, values),
        ]
    )
    expected = values.std(ddof=1) / 2 / math.sqrt(50)
    assert row(task_scores(scores, {"t1": "mass"}), "t1", "good")["se"] == pytest.approx(expected, rel=1e-12)


def test_standard_error_agrees_with_a_paired_bootstrap() -> None:
    scores = draw(n=200)
    table = scores[(scores["task"] == "t1") & (scores["score"] == "mass")]
    means = table.groupby(["method", "sample"])["value"].mean().unstack(0)
    draws = np.random.default_rng(0).integers(0, 200, size=(4000, 200))
    again = {m: means[m].to_numpy()[draws].mean(axis=1) for m in ("noisy", "random", "oracle")}
    bootstrap = ((again["noisy"] - again["random"]) / (again["oracle"] - again["random"])).std()
    assert row(task_scores(scores, HEADLINE), "t1", "noisy")["se"] == pytest.approx(bootstrap, rel=0.05)


def test_a_second_random_is_zero_within_its_standard_error() -> None:
    """Over many tasks, z / se of a method that is random with other seeds must look standard normal."""
    rng = np.random.default_rng(3)
    headline = {f"t{i}": "mass" for i in range(100)}
    cells: list[pd.DataFrame] = []
    for task in headline:
        shared = rng.normal(size=60)
        for method in ("random", "other"):
            cells += [cell(task, method, s, shared + rng.normal(size=60), "mass") for s in range(2)]
        cells += [cell(task, "oracle", 0, shared + 5, "mass")]
    table = task_scores(pd.concat(cells), headline).table.query("method == 'other'")
    ratio = (table["z"] / table["se"]).to_numpy()
    assert abs(ratio.mean()) < 3 / 10
    assert ratio.std() == pytest.approx(1, abs=3 / math.sqrt(200))
    assert (np.abs(ratio) < 3).mean() > 0.97


def test_one_sample_has_no_standard_error() -> None:
    scores = pd.concat([cell("t1", m, 0, [v]) for m, v in {"random": 0.0, "oracle": 1.0, "good": 0.5}.items()])
    assert math.isnan(row(task_scores(scores, {"t1": "mass"}), "t1", "good")["se"])


REFUSED: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "column": (lambda s: s.drop(columns="seed"), "lacks the columns \\['seed'\\]"),
    "status": (lambda s: s.assign(status="fine"), "unknown status \\['fine'\\]"),
    "twice": (lambda s: pd.concat([s, s.iloc[[0]]]), "two values for"),
    "control": (lambda s: s[s["method"] != "oracle"], "no headline scores of \\['oracle'\\]"),
    "canary": (lambda s: s[s["method"] != "edges"], "no headline scores of \\['edges'\\]"),
    "family": (lambda s: s.assign(family=s["method"]), "several families"),
    "mixed": (lambda s: s.assign(status=s["status"].mask(s.index == 0, "failed")), "several statuses"),
    "sample": (lambda s: s[s.index != 5], "holds 39 of 40 samples"),
    "task": (lambda s: s[s["task"] != "t2"], "missing cells .*: t2/edges"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str) -> None:
    spoil, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        task_scores(spoil(draw()), HEADLINE, canaries=["edges"])


def test_a_declared_chance_is_the_zero() -> None:
    """Nothing of random's own noise moves the others: it has exactly 0, and so has what fails."""
    scores = draw()
    found = task_scores(scores, HEADLINE, chance={"t1": 0.19})
    oracle = slow_raw(scores, "t1", "oracle")
    for method in set(SEEDS) - {"random"}:
        expected = (slow_raw(scores, "t1", method) - 0.19) / (oracle - 0.19)
        assert row(found, "t1", method)["z"] == pytest.approx(expected, abs=1e-12)
    for control, z in (("random", 0), ("oracle", 1)):
        assert row(found, "t1", control)[["z", "se"]].tolist() == pytest.approx([z, 0], abs=1e-12)
    assert (report(found)["chance"], report(found)["gap"]) == pytest.approx((0.19, oracle - 0.19))
    assert report(found)["random"] == pytest.approx(slow_raw(scores, "t1", "random"))
    failed = task_scores(replaced(scores, "t1", "good", "failed"), HEADLINE, chance={"t1": 0.19})
    assert row(failed, "t1", "good")["z"] == 0
    samples = found.samples.query("task == 't1' and method == 'noisy'")
    assert samples["z"].mean() == pytest.approx(row(found, "t1", "noisy")["z"])


def test_another_task_keeps_its_measured_zero() -> None:
    scores = draw()
    declared, measured = task_scores(scores, HEADLINE, chance={"t1": 0.19}), task_scores(scores, HEADLINE)
    other = [result.table.query("task == 't2'") for result in (declared, measured)]
    pd.testing.assert_frame_equal(*other, check_exact=True)
    assert report(measured, "t2")["chance"] == report(measured, "t2")["random"]


def test_a_declared_chance_that_random_contradicts_is_not_believed() -> None:
    """Random has .2 there, with a standard error of .017."""
    found = task_scores(draw(), HEADLINE, chance={"t1": 0.0})
    assert not report(found)["admitted"]
    assert (
        report(found)["reason"] == f"random has {report(found)['random']:.3g} on average, and 0 is declared as chance"
    )
    assert report(task_scores(draw(), HEADLINE, chance={"t1": 0.2}))["reason"] == ""
