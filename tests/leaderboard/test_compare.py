"""Paired comparisons against scipy, slow enumeration and closed forms."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from heatproof.leaderboard.compare import compare, holm, paired, rope_verdict, sign_flip_p, within_task
from heatproof.leaderboard.normalise import TaskScores, task_scores
from heatproof.leaderboard.ranking import dense, make_board

LEVEL = {"random": 0.2, "oracle": 0.9, "good": 0.6, "noisy": 0.5, "other": 0.4}
SEEDS = {"noisy": (0, 1, 2), "random": (0, 1, 2)}


def tidy(seed: int = 0, families: Sequence[str] = "aaabbbccc", n: int = 30) -> pd.DataFrame:
    """Methods whose level varies from task to task, on samples that share their difficulty."""
    rng = np.random.default_rng(seed)
    cells = []
    for t, family in enumerate(families):
        shared = 0.1 * rng.normal(size=n)
        for method, level in LEVEL.items():
            task_effect = 0 if method in ("random", "oracle") else 0.05 * rng.normal()
            for s in SEEDS.get(method, (0,)):
                value = level + task_effect + shared + 0.05 * rng.normal(size=n)
                of_cell = {"task": f"t{t}", "family": family, "method": method, "seed": s}
                cells.append(pd.DataFrame({**of_cell, "sample": [f"s{i}" for i in range(n)], "value": value}))
    return pd.concat(cells).assign(truth_type="analytic", score="mass", status="ok", reason="")


def scored(scores: pd.DataFrame) -> TaskScores:
    return task_scores(scores, dict.fromkeys(scores["task"].unique(), "mass"))


def z_of(scores: TaskScores, method: str) -> np.ndarray:
    return scores.table.query("method == @method").sort_values("task")["z"].to_numpy()


def test_one_family_is_scipys_paired_t_test() -> None:
    scores = scored(tidy(families="aaaaaaa"))
    found = compare(scores, "good", "noisy")
    expected = stats.ttest_rel(z_of(scores, "good"), z_of(scores, "noisy")).confidence_interval(0.95)
    assert (found.overall.low, found.overall.high) == pytest.approx((expected.low, expected.high))
    assert found.overall.n == 7


def test_over_families_the_difference_is_that_of_the_board() -> None:
    scores = scored(tidy(families="aaabbbbbc"))
    board = make_board(dense(scores), draws=100).rows["score"]
    found = compare(scores, "good", "noisy")
    assert found.overall.difference == pytest.approx(board["good"] - board["noisy"], rel=1e-12)
    assert found.families["difference"].mean() == pytest.approx(found.overall.difference, rel=1e-12)
    assert found.families["n"].tolist() == [3, 5, 1]
    assert found.families[["low", "high"]].isna().all(axis=1).tolist() == [False, False, True]


def test_swapping_the_methods_mirrors_the_comparison() -> None:
    scores = scored(tidy())
    one, two = compare(scores, "good", "other"), compare(scores, "other", "good")
    assert one.overall.low == pytest.approx(-two.overall.high, rel=1e-12)
    assert one.p == two.p
    assert one.overall.improvement == 1 - two.overall.improvement
    assert (one.verdict, two.verdict) == ("better", "worse")


def test_a_method_equals_itself() -> None:
    found = compare(scored(tidy()), "good", "good")
    assert (found.overall.difference, found.p, found.overall.improvement) == (0.0, 1.0, 0.5)
    assert found.verdict == "equivalent"


def test_other_entrants_do_not_matter() -> None:
    scores = tidy()
    alone = compare(scored(scores[scores["method"] != "other"]), "good", "noisy")
    among = compare(scored(scores), "good", "noisy")
    assert alone.overall == among.overall
    assert alone.p == among.p
    pd.testing.assert_frame_equal(alone.tasks, among.tasks, check_exact=True)


def test_an_entrant_moves_no_headline_score_from_raw_values_to_board() -> None:
    scores = tidy(families="aaaabbbccdd")
    columns = ["score", "low", "high", "portability", "imputed", "n_tasks"]
    among = make_board(dense(scored(scores)), draws=50).rows[columns]
    alone = make_board(dense(scored(scores[scores["method"] != "other"])), draws=50).rows[columns]
    pd.testing.assert_frame_equal(among.drop("other"), alone, check_exact=True)


def test_within_a_task_pairs_samples_with_seeds_averaged_first() -> None:
    raw = tidy()
    scores = scored(raw)
    means = raw[raw["task"] == "t1"].groupby(["method", "sample"])["value"].mean().unstack(0)
    gap = means["oracle"].mean() - means["random"].mean()
    expected = stats.ttest_rel(means["good"], means["noisy"]).confidence_interval(0.9)
    found = within_task(scores, "t1", "good", "noisy", level=0.9)
    assert (found.low, found.high) == pytest.approx((expected.low / gap, expected.high / gap))
    assert found.improvement == (means["good"] > means["noisy"]).mean()
    assert found.n == 30


def test_the_rows_by_task_are_the_comparisons_within() -> None:
    scores = scored(tidy())
    rows = compare(scores, "good", "noisy").tasks.set_index("task")
    np.testing.assert_allclose(rows["difference"], z_of(scores, "good") - z_of(scores, "noisy"), atol=1e-12)
    assert rows["family"].tolist() == list("aaabbbccc")
    assert rows.loc["t4", "low"] == within_task(scores, "t4", "good", "noisy").low


def test_tasks_without_one_of_them_are_named() -> None:
    raw = tidy()
    skipped = (raw["task"] == "t3") & (raw["method"] == "noisy")
    holes = raw[skipped].drop_duplicates("seed").assign(status="skipped", sample="", value=math.nan)
    scores = scored(pd.concat([raw[~skipped], holes]))
    found = compare(scores, "noisy", "good")
    assert found.left_out == ("t3",)
    assert found.overall.n == 8
    with pytest.raises(ValueError, match="not both scored on task 't3'"):
        within_task(scores, "t3", "noisy", "good")


def test_unadmitted_tasks_do_not_count() -> None:
    raw = tidy()
    flat = (raw["task"] == "t0") & (raw["method"] == "oracle")
    found = compare(scored(raw.assign(value=raw["value"].mask(flat, 0.2))), "good", "noisy")
    assert found.tasks["task"].tolist() == [f"t{i}" for i in range(1, 9)]


def test_unknown_methods_and_nothing_in_common_are_refused() -> None:
    scores = scored(tidy())
    with pytest.raises(ValueError, match=r"methods \['god'\] are not scored"):
        compare(scores, "god", "good")
    nowhere = TaskScores(scores.table, scores.tasks.assign(admitted=False), scores.samples)
    with pytest.raises(ValueError, match="share no admitted task"):
        compare(nowhere, "good", "noisy")


@pytest.mark.parametrize("n", [2, 5, 9])
def test_sign_flips_of_one_family_are_scipys_permutation_test(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.5, size=n)
    expected = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=False
    )
    assert sign_flip_p(differences, ["a"] * n) == pytest.approx(expected.pvalue)


def test_sign_flips_are_exact_by_enumeration() -> None:
    differences, families = np.array([0.3, -0.1, 0.2, 0.5, 0.1, 0.1]), list("aaabbc")
    weights = [1 / 9, 1 / 9, 1 / 9, 1 / 6, 1 / 6, 1 / 3]
    sums = [
        abs(sum(s * w * d for s, w, d in zip(signs, weights, differences, strict=True)))
        for signs in itertools.product([1, -1], repeat=6)
    ]
    observed = abs(sum(w * d for w, d in zip(weights, differences, strict=True)))
    expected = sum(value >= observed - 1e-12 for value in sums) / 64
    assert sign_flip_p(differences, families) == expected
    assert sign_flip_p(np.full(6, 0.1), families) == 2 / 64
    assert sign_flip_p(np.array([0.3]), ["a"]) == 1.0


def test_sixteen_tasks_are_enumerated_and_more_are_drawn() -> None:
    """Of equal differences only the two constant patterns reach the mean; counts of unit ones are binomial."""
    assert sign_flip_p(np.full(16, 0.2), ["a"] * 16) == 2**-15
    assert sign_flip_p(np.full(30, 0.2), ["a"] * 30, draws=999) == pytest.approx(1 / 1000)
    differences = np.array([1.0] * 13 + [-1.0] * 7)
    exact = 2 * stats.binom.sf(12, 20, 0.5)
    drawn = sign_flip_p(differences, ["a"] * 20, draws=10_000, seed=1)
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 10_000))
    assert drawn == sign_flip_p(differences, ["a"] * 20, draws=10_000, seed=1)


def test_sign_flip_p_is_uniform_under_the_null() -> None:
    rng = np.random.default_rng(0)
    p = np.array([sign_flip_p(rng.normal(size=8), list("aaabbbcc")) for _ in range(1500)])
    for level in (0.05, 0.2, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=3 * math.sqrt(level * (1 - level) / 1500) + 2**-7)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.011, 0.5, "better"),
        (0.009, 0.5, "undecided"),
        (-0.009, 0.009, "equivalent"),
        (-0.011, 0.009, "undecided"),
        (-0.5, -0.011, "worse"),
        (-0.5, 0.5, "undecided"),
        (math.nan, math.nan, "undecided"),
    ],
)
def test_rope_verdict(low: float, high: float, verdict: str) -> None:
    assert rope_verdict(low, high, 0.01) == verdict


def test_paired_counts_ties_half_and_needs_two() -> None:
    found = paired(np.array([0.0, 1.0, 2.0, -1.0]))
    assert found.improvement == 0.625
    half = stats.t.ppf(0.975, 3) * np.std([0, 1, 2, -1], ddof=1) / 2
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half))
    assert math.isnan(paired(np.array([0.3])).low)


def slow_holm(p: Sequence[float]) -> list[float]:
    """An adjusted p is the smallest level at which the step-down procedure still rejects."""
    ordered = sorted(p)
    steps = [min(1.0, (len(p) - k) * value) for k, value in enumerate(ordered)]
    return [max(steps[: max(k for k, other in enumerate(ordered) if other == value) + 1]) for value in p]


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5]).tolist() == [0.5]
    assert holm([]).tolist() == []
    p = np.random.default_rng(0).uniform(size=20) ** 3
    assert holm(p) == pytest.approx(slow_holm(p.tolist()))
    assert holm([0.2, 0.2, 0.9, 0.9]) == pytest.approx(slow_holm([0.2, 0.2, 0.9, 0.9]))
    with pytest.raises(ValueError, match="must lie in"):
        holm([0.1, math.nan])
