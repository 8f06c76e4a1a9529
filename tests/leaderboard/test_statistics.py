"""The leaderboard's statistics against closed forms, slow loops and simulated coverage."""

import itertools
import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from heatproof.leaderboard import statistics
from heatproof.leaderboard.normalise import TaskScores
from heatproof.leaderboard.ranking import Dense, dense, make_board
from heatproof.leaderboard.statistics import (
    balanced_mean,
    bonferroni_t,
    degrees_of_freedom,
    max_t,
    mean_interval,
    reliability,
    residuals,
    separate,
    strata,
    task_weights,
    tiers,
)

Floats = npt.NDArray[np.float64]
Noise = Callable[[np.random.Generator, tuple[int, int]], Floats]


def balanced(n_tasks: int, n_families: int) -> list[str]:
    return [f"f{task % n_families}" for task in range(n_tasks)]


def table(scores: Floats, families: Sequence[str], names: Sequence[str] = ()) -> Dense:
    tasks = [f"t{t}" for t in range(len(scores))]
    methods = list(names) or [f"m{m:02d}" for m in range(scores.shape[1])]
    ones = pd.Series(1.0, index=methods)
    frame = pd.DataFrame(scores, index=tasks, columns=methods)
    return Dense(frame, pd.Series(list(families), index=tasks), ones, 0 * ones, pd.DataFrame())


def task_table(
    z: dict[str, dict[str, float]], admitted: Sequence[str], roles: dict[str, str] | None = None
) -> TaskScores:
    """Scores by method and task; NaN is skipped."""
    rows = [
        {"task": t, "family": t[0], "method": m, "role": (roles or {}).get(m, "entrant"), "z": v, "imputed_share": 0.25}
        for m, of_task in z.items()
        for t, v in of_task.items()
    ]
    tasks = pd.DataFrame([{"task": t, "admitted": t in admitted} for t in next(iter(z.values()))])
    return TaskScores(pd.DataFrame(rows), tasks, pd.DataFrame())


def test_balanced_mean_is_the_mean_of_family_means() -> None:
    scores, families = np.random.default_rng(0).normal(size=(7, 3)), list("aaabbcc")
    expected = [np.mean([column[:3].mean(), column[3:5].mean(), column[5:].mean()]) for column in scores.T]
    np.testing.assert_allclose(balanced_mean(scores, families), expected, rtol=1e-13)


def test_one_family_is_scipys_t_interval() -> None:
    scores = np.random.default_rng(1).normal(size=(9, 4))
    mean, low, high = mean_interval(scores, ["a"] * 9, 0.9)
    expected = stats.ttest_1samp(scores, 0).confidence_interval(0.9)
    np.testing.assert_allclose(mean, scores.mean(axis=0))
    np.testing.assert_allclose([low, high], [expected.low, expected.high])


def test_two_equal_families_are_scipys_two_sample_t_interval() -> None:
    """The mean of two families is half the difference of one and minus the other."""
    scores = np.random.default_rng(2).normal(size=(10, 3))
    _, low, high = mean_interval(scores, ["a"] * 5 + ["b"] * 5)
    expected = stats.ttest_ind(scores[:5], -scores[5:]).confidence_interval(0.95)
    np.testing.assert_allclose([low, high], [expected.low / 2, expected.high / 2])


def test_residuals_square_to_the_covariance_of_balanced_means() -> None:
    scores, families = np.random.default_rng(3).normal(size=(11, 4)), np.array(list("aaabbbbcccc"))
    expected = np.mean([np.cov(scores[families == f].T) / (families == f).sum() for f in "abc"], axis=0) / 3
    spread = residuals(scores, families.tolist())
    np.testing.assert_allclose(spread.T @ spread, expected, rtol=1e-12)


@pytest.mark.parametrize(("n_tasks", "n_families"), [(12, 4), (6, 2), (20, 5), (9, 1)])
def test_degrees_of_freedom_are_tasks_less_families(n_tasks: int, n_families: int) -> None:
    assert degrees_of_freedom(balanced(n_tasks, n_families)) == pytest.approx(n_tasks - n_families)


def test_degrees_of_freedom_of_unequal_families_match_the_spread_of_the_variance() -> None:
    """2 E[v]^2 / Var[v] of the variance estimate, by simulation."""
    families = list("aaaaaaaabbcc")
    variance = (residuals(np.random.default_rng(0).normal(size=(12, 200_000)), families) ** 2).sum(axis=0)
    assert degrees_of_freedom(families) == pytest.approx(2 * variance.mean() ** 2 / variance.var(), rel=0.03)
    assert degrees_of_freedom(families) == pytest.approx((1 / 8 + 1 / 2 + 1 / 2) ** 2 / (1 / 64 / 7 + 1 / 4 + 1 / 4))


@pytest.mark.parametrize(
    ("families", "expected"),
    [("aabb", "0011"), ("aaabbc", "000111"), ("aaabbcd", "0001111"), ("abcd", "0000"), ("a", "0"), ("abb", "000")],
)
def test_families_of_one_task_join_the_smallest_larger_one(families: str, expected: str) -> None:
    assert strata(list(families)).tolist() == [int(digit) for digit in expected]


def test_families_of_one_task_each_are_an_ordinary_sample() -> None:
    scores = np.random.default_rng(4).normal(size=(6, 2))
    np.testing.assert_allclose(mean_interval(scores, list("abcdef")), mean_interval(scores, ["a"] * 6), rtol=1e-12)


def test_one_task_has_no_interval_and_separates_nobody() -> None:
    board = make_board(table(np.array([[0.1, 0.9]]), ["a"]))
    assert board.rows[["low", "high"]].isna().all(axis=None)
    assert board.rows["rank"].tolist() == [1, 2]
    assert board.rows[["rank_low", "rank_high"]].to_numpy().tolist() == [[1, 2], [1, 2]]
    assert board.rows["tier"].tolist() == ["A", "A"]
    assert board.critical == math.inf
    assert math.isnan(board.reliability)
    assert math.isnan(board.minimum_detectable_difference)


def test_one_method_is_first() -> None:
    scores = np.random.default_rng(5).normal(size=(8, 1))
    board = make_board(table(scores, balanced(8, 2)))
    assert board.rows[["rank", "rank_low", "rank_high", "tier"]].to_numpy().tolist() == [[1, 1, 1, "A"]]
    assert board.rows["score"].item() == pytest.approx(scores.mean())
    assert math.isnan(board.minimum_detectable_difference)


def slow_max_t(scores: Floats, families: Sequence[str], level: float, signs: Floats) -> float:
    """The quantile of max |t|, formula by formula, with loops."""
    n_tasks, n_methods = scores.shape
    size = {f: families.count(f) for f in families}

    def centre(values: Floats) -> Floats:
        out = np.empty_like(values)
        for t, f in enumerate(families):
            mates = [u for u in range(n_tasks) if families[u] == f]
            out[t] = math.sqrt(size[f] / (size[f] - 1)) * (values[t] - sum(values[u] for u in mates) / size[f])
        return out

    weights = [1 / (len(size) * size[f]) for f in families]
    spread = centre(scores) * np.array(weights)[:, None]
    largest = []
    for e in signs:
        flipped = e[:, None] * spread
        number, again = flipped.sum(axis=0), centre(flipped)
        v = again.T @ again
        pairs = itertools.combinations(range(n_methods), 2)
        largest.append(max(abs(number[i] - number[j]) / math.sqrt(v[i, i] + v[j, j] - 2 * v[i, j]) for i, j in pairs))
    return sorted(largest)[math.ceil(level * (len(signs) - 1))]


@pytest.mark.parametrize("families", [balanced(12, 4), list("aaabbbbccccc")], ids=["equal", "unequal"])
def test_max_t_is_the_slow_formula(families: list[str]) -> None:
    scores = np.random.default_rng(6).normal(size=(12, 5))
    first, second = np.triu_indices(5, 1)
    spread = residuals(scores, families)
    fast = max_t(spread[:, first] - spread[:, second], families, level=0.95, draws=700, seed=3)
    slow = slow_max_t(scores, families, 0.95, statistics.random_signs(700, 12, 3))
    assert fast == pytest.approx(slow, rel=1e-9)


def test_rank_intervals_tiers_and_ranks_are_the_slow_formula() -> None:
    rng = np.random.default_rng(7)
    families = balanced(24, 6)
    scores = rng.normal(size=(24, 1)) + 0.25 * np.array([3, 1, 0, 2, 1, 4]) + 0.2 * rng.normal(size=(24, 6))
    board = make_board(table(scores, families), draws=500, seed=1)
    spread, mean = residuals(scores, families), balanced_mean(scores, families)
    cov = spread.T @ spread
    critical = max(
        slow_max_t(scores, families, 0.95, statistics.random_signs(500, 24, 1)),
        stats.t.ppf(1 - 0.025 / 15, 18),
    )
    assert board.critical == pytest.approx(critical)
    assert 0 < board.better.to_numpy().sum() < 15
    for m in range(6):
        t = [(mean[m] - mean[k]) / math.sqrt(cov[m, m] + cov[k, k] - 2 * cov[m, k]) for k in range(6) if k != m]
        row = board.rows.loc[f"m{m:02d}"]
        assert row["rank"] == 1 + sum(value < 0 for value in t)
        assert row["rank_low"] == 1 + sum(value < -critical for value in t)
        assert row["rank_high"] == 6 - sum(value > critical for value in t)
    assert board.rows["score"].is_monotonic_decreasing


def test_tiers_have_fixed_anchors() -> None:
    """b is not separated from a nor c from b, but c is from a: chained tiers would join all three."""
    better = np.zeros((4, 4), dtype=np.bool_)
    better[0, 2] = better[0, 3] = True
    assert tiers(np.array([4.0, 3.0, 2.0, 1.0]), better) == ["A", "A", "B", "B"]
    shuffle = [2, 0, 3, 1]
    assert tiers(np.array([4.0, 3.0, 2.0, 1.0])[shuffle], better[np.ix_(shuffle, shuffle)]) == ["B", "A", "B", "A"]


def test_tier_letters_go_on_after_z() -> None:
    mean = -np.arange(54.0)
    letters = tiers(mean, np.triu(np.ones((54, 54), dtype=np.bool_), 1))
    assert (letters[0], letters[25], letters[26], letters[27], letters[53]) == ("A", "Z", "AA", "AB", "BB")


def test_identical_methods_tie() -> None:
    rng = np.random.default_rng(8)
    first = rng.normal(size=(12, 1))
    scores = np.hstack([first, first, first * (1 + 1e-15), first + 5])
    board = make_board(table(scores, balanced(12, 4)))
    assert board.rows["rank"].tolist() == [1, 2, 2, 2]
    assert board.rows.loc[["m00", "m01", "m02"], ["rank_low", "rank_high"]].to_numpy().tolist() == [[2, 4]] * 3
    assert board.rows["tier"].tolist() == ["A", "B", "B", "B"]


def test_a_constant_lead_is_a_lead() -> None:
    first = np.random.default_rng(9).normal(size=(12, 1))
    pairs = separate(np.hstack([first, first + 0.1]), balanced(12, 4), level=0.95, draws=200, seed=0)
    assert pairs.better.tolist() == [[False, False], [True, False]]


def test_all_methods_identical() -> None:
    scores = np.repeat(np.random.default_rng(10).normal(size=(6, 1)), 3, axis=1)
    board = make_board(table(scores, balanced(6, 2)))
    assert board.rows["rank"].tolist() == [1, 1, 1]
    assert not board.better.to_numpy().any()
    assert math.isnan(board.reliability)


def test_removing_an_entrant_changes_no_bit_of_the_others() -> None:
    scores, families = np.random.default_rng(11).normal(size=(13, 30)), list("aaaaabbbbcccd")
    columns = ["score", "low", "high"]
    whole = make_board(table(scores, families), draws=100, splits=2).rows[columns]
    for kept in (1, 2, 29):
        fewer = make_board(table(scores[:, :kept], families), draws=100, splits=2).rows[columns]
        pd.testing.assert_frame_equal(whole.loc[fewer.index], fewer, check_exact=True)


def test_the_order_of_tasks_and_methods_changes_nothing() -> None:
    rng = np.random.default_rng(12)
    scores, families = rng.normal(size=(12, 5)) + np.arange(5), np.array(balanced(12, 4))
    t, m = rng.permutation(12), rng.permutation(5)
    names = np.array(list("vwxyz"))
    one = make_board(table(scores, families.tolist(), names.tolist())).rows
    two = make_board(table(scores[np.ix_(t, m)], families[t].tolist(), names[m].tolist())).rows
    assert one["score"].equals(two["score"])
    np.testing.assert_allclose(one[["low", "high"]], two[["low", "high"]], rtol=1e-12)
    assert one.drop(columns=["low", "high"]).equals(two.drop(columns=["low", "high"]))


def test_the_seed_decides_the_draws() -> None:
    scores = np.random.default_rng(13).normal(size=(24, 6))
    one, same, other = (separate(scores, balanced(24, 2), level=0.95, draws=99, seed=s).critical for s in (0, 0, 1))
    assert one == same
    assert one != other


def test_bonferroni_bounds_the_critical_value() -> None:
    families = balanced(6, 2)
    scores = np.random.default_rng(14).normal(size=(6, 12))
    assert bonferroni_t(66, families, 0.95) == pytest.approx(stats.t.isf(0.025 / 66, 4))
    assert separate(scores, families, level=0.95, draws=300, seed=0).critical == bonferroni_t(66, families, 0.95)


def test_detectable_difference_is_the_power_of_the_t_test() -> None:
    """The noncentral t has 80 % power there; with many tasks it is 2.80 sd / sqrt(T), the rule of thumb."""
    scores = np.random.default_rng(15).normal(size=(12, 2))
    error = (scores[:, 0] - scores[:, 1]).std(ddof=1) / math.sqrt(12)
    board = make_board(table(scores, ["a"] * 12))
    power = stats.nct.sf(stats.t.ppf(0.975, 11), 11, board.minimum_detectable_difference / error)
    assert power == pytest.approx(0.8, abs=0.01)
    many = np.random.default_rng(16).normal(size=(100, 2))
    expected = 2.80 * (many[:, 0] - many[:, 1]).std(ddof=1) / 10
    assert make_board(table(many, ["a"] * 100), draws=200).minimum_detectable_difference == pytest.approx(
        expected, rel=0.02
    )


def test_reliability_over_every_split_is_the_mean_tau() -> None:
    """Of four tasks in one family there are six ordered halves; many random splits approach their mean."""
    scores = np.random.default_rng(17).normal(size=(4, 5))
    halves = [(set(h), set(range(4)) - set(h)) for h in itertools.combinations(range(4), 2)]
    taus = [stats.kendalltau(*(scores[sorted(h)].mean(axis=0) for h in pair)).statistic for pair in halves]
    found = reliability(scores, ["a"] * 4, splits=3000, seed=0)
    assert found == pytest.approx(np.mean(taus), abs=4 * np.std(taus) / math.sqrt(3000))


def test_reliability_of_one_order_is_one() -> None:
    scores = np.arange(5.0) + np.random.default_rng(18).uniform(-0.4, 0.4, size=(9, 5))
    assert reliability(scores, balanced(9, 4)) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("families", ["aaaabbbb", "aaabbbccd", "abcde", "aaaaabbbc"])
def test_halves_differ_by_at_most_one_task_per_family_and_in_all(families: str) -> None:
    codes = np.unique(list(families), return_inverse=True)[1]
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(50):
        first = statistics._deal(codes, rng)
        seen.add(tuple(first))
        for members in (codes == code for code in set(codes)):
            assert abs(first[members].sum() - (~first[members]).sum()) <= 1
        assert abs(first.sum() - (~first).sum()) <= 1
    assert len(seen) > 5


def test_holes_are_named() -> None:
    scores = np.zeros((3, 2))
    scores[1, 0] = math.nan
    with pytest.raises(ValueError, match=r"cells without a score \(1\): t1/m00"):
        make_board(table(scores, list("aaa")))
    with pytest.raises(ValueError, match="needs a task and a method"):
        make_board(table(np.zeros((0, 2)), []))


def test_dense_keeps_the_tasks_and_leaves_out_who_lacks_them() -> None:
    z = {
        "random": {"a1": 0.0, "a2": 0.0, "b1": 0.0, "b2": 0.0},
        "good": {"a1": 0.5, "a2": 0.6, "b1": 0.7, "b2": 9.0},
        "picky": {"a1": 0.9, "a2": math.nan, "b1": 0.9, "b2": math.nan},
        "edges": {"a1": 0.1, "a2": 0.2, "b1": 0.3, "b2": 9.0},
    }
    scores = task_table(z, ["a1", "a2", "b1"], {"random": "control", "edges": "canary"})
    found = dense(scores)
    assert found.scores.index.tolist() == ["a1", "a2", "b1"]
    assert found.scores.to_dict() == {m: {t: z[m][t] for t in ("a1", "a2", "b1")} for m in ("edges", "good")}
    assert found.families.to_dict() == {"a1": "a", "a2": "a", "b1": "b"}
    assert found.left_out.to_dict("records") == [{"method": "picky", "portability": 2 / 3, "missing": ("a2",)}]
    assert found.imputed.to_dict() == {"edges": 0.25, "good": 0.25}
    rows = make_board(found).rows
    assert rows.loc["good", ["score", "portability", "imputed", "n_tasks"]].tolist() == [
        pytest.approx(0.625),
        1,
        0.25,
        3,
    ]
    assert dense(scores, tasks=["a1", "b1"]).scores.columns.tolist() == ["edges", "good", "picky"]
    assert dense(scores, methods=["random", "good"]).scores.columns.tolist() == ["good", "random"]
    with pytest.raises(ValueError, match=r"tasks \['b2'\] are not admitted"):
        dense(scores, tasks=["a1", "b2"])
    with pytest.raises(ValueError, match=r"methods \['god'\] are not scored"):
        dense(scores, methods=["god"])


def test_a_board_costs_little() -> None:
    scores, families = np.random.default_rng(19).normal(size=(48, 12)), balanced(48, 8)
    times = []
    for _ in range(3):
        start = time.process_time()
        separate(scores, families, level=0.95, draws=500, seed=0)
        times.append(time.process_time() - start)
    assert min(times) < 0.1


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return rng.standard_normal(shape)


def uneven(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Half of the methods are six times noisier."""
    return rng.standard_normal(shape) * np.where(np.arange(shape[1]) % 2, 6.0, 1.0)


def skewed(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return rng.exponential(size=shape)


def family_bound(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Methods are good at different ones of four fixed families, and tie over all."""
    effect = np.random.default_rng(0).normal(size=(4, shape[1]))
    return rng.standard_normal(shape) + 3 * (effect - effect.mean(axis=0))[np.arange(shape[0]) % 4]


def null_coverage(noise: Noise, families: Sequence[str], methods: int, repeats: int, draws: int = 500) -> float:
    """The share of boards of truly tied methods on which nobody is separated, so that every rank interval is 1 to M."""
    rng = np.random.default_rng(0)
    shape = (len(families), methods)
    boards = (separate(noise(rng, shape), families, level=0.95, draws=draws, seed=seed) for seed in range(repeats))
    return sum(not board.better.any() for board in boards) / repeats


def floor(repeats: int, nominal: float = 0.95) -> float:
    """Three Monte-Carlo standard errors below nominal."""
    return nominal - 3 * math.sqrt(nominal * (1 - nominal) / repeats)


@pytest.mark.parametrize(("n_tasks", "n_families"), [(6, 2), (12, 4), (20, 5), (6, 1), (12, 12)])
def test_t_intervals_cover(n_tasks: int, n_families: int) -> None:
    """Columns are repetitions; family means differ, and the mean of the families is the truth."""
    shift = np.arange(n_tasks) % n_families * (0.0 if n_families == n_tasks else 5.0)
    scores = np.random.default_rng(n_tasks).standard_normal((n_tasks, 40_000)) + shift[:, None]
    truth = shift[:n_families].mean()
    _, low, high = mean_interval(scores, balanced(n_tasks, n_families))
    assert ((low <= truth) & (truth <= high)).mean() == pytest.approx(0.95, abs=0.95 - floor(40_000))


@pytest.mark.parametrize("families", ["aaaaaaaabbcc", "aaaaaabbbbbc", "aaaaabbbbbcd", "aabbccddefghij", "aaabbbbccccc"])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_t_intervals_of_unequal_families_cover_at_least(families: str, shift: float) -> None:
    _, codes = np.unique(list(families), return_inverse=True)
    scores = np.random.default_rng(0).standard_normal((len(families), 40_000)) + shift * codes[:, None]
    truth = shift * codes.max() / 2
    _, low, high = mean_interval(scores, list(families))
    assert ((low <= truth) & (truth <= high)).mean() >= floor(40_000)


def test_the_balanced_recipe_alone_would_not_cover() -> None:
    """Why degrees of freedom are not T - F for unequal families, and why the sign-flip quantile has a floor."""
    scores, families = np.random.default_rng(0).standard_normal((12, 40_000)), list("aaaaaaaabbcc")
    error = np.sqrt((residuals(scores, families) ** 2).sum(axis=0))
    assert (np.abs(balanced_mean(scores, families)) <= stats.t.ppf(0.975, 9) * error).mean() < 0.90
    rng, families, first, second = np.random.default_rng(0), balanced(6, 2), *np.triu_indices(12, 1)
    quiet = 0
    for seed in range(200):
        scores = rng.standard_normal((6, 12))
        spread = residuals(scores, families)
        spread = spread[:, first] - spread[:, second]
        gap = task_weights(families) @ (scores[:, first] - scores[:, second])
        t = np.abs(gap) / np.sqrt((spread**2).sum(axis=0))
        quiet += t.max() <= max_t(spread, families, level=0.95, draws=200, seed=seed)
    assert quiet / 200 < 0.85


@pytest.mark.parametrize("noise", [normal, uneven, skewed, family_bound])
@pytest.mark.parametrize(("n_tasks", "n_families"), [(12, 4), (24, 4)])
def test_null_boards_separate_nobody_quick(noise: Noise, n_tasks: int, n_families: int) -> None:
    assert null_coverage(noise, balanced(n_tasks, n_families), 12, 60, draws=300) >= floor(60)


SMALL = [balanced(6, 2), balanced(8, 2), balanced(9, 3), balanced(12, 4), balanced(24, 6), list("aaaaabbbbbcd")]


@pytest.mark.slow
@pytest.mark.parametrize("methods", [5, 12, 30])
@pytest.mark.parametrize("noise", [normal, uneven, skewed])
@pytest.mark.parametrize("families", SMALL, ids="".join)
def test_null_boards_separate_nobody(noise: Noise, families: list[str], methods: int) -> None:
    """At most 5 % and Monte-Carlo error of boards of tied methods show a separated pair."""
    assert null_coverage(noise, families, methods, 1000) >= floor(1000)


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.001, 0.01, 0.03])
@pytest.mark.parametrize(("n_tasks", "n_families"), [(12, 4), (48, 8)])
def test_rank_intervals_hold_every_true_rank(gap: float, n_tasks: int, n_families: int) -> None:
    """Twelve methods in steps of a gap, with task x method noise of .06: all twelve intervals hold at once."""
    rng, truth, held = np.random.default_rng(0), np.arange(12), 0
    families = balanced(n_tasks, n_families)
    for seed in range(300):
        scores = -gap * truth + 0.06 * rng.standard_normal((n_tasks, 12))
        better = separate(scores, families, level=0.95, draws=500, seed=seed).better
        held += bool(((1 + better.sum(axis=0) <= 1 + truth) & (1 + truth <= 12 - better.sum(axis=1))).all())
    assert held / 300 >= floor(300)
