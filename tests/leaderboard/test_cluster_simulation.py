"""Simulated coverage and power where networks are the sampling unit, from a random-effects model of known components.

A score is a method's level, how it does on an architecture (fixed), on a network, on a scene, and on that scene with
that network; every network has scenes of its own.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from heatproof.leaderboard.statistics import critical_values, degrees_of_freedom, mean_interval, residuals, separate

Floats = npt.NDArray[np.float64]
METHODS, ARCHITECTURES, SCENES = 12, 2, 100


@dataclass(frozen=True)
class Components:
    """Variances of the difference of two methods."""

    network: float
    scene: float
    network_scene: float
    architecture: float


MEASURED = {
    "shapley": Components(0.0072, 0.173, 0.154, 0.022),
    "contrast": Components(0.0062, 0.094, 0.090, 0.047),
    "mean of questions": Components(0.0014, 0.034, 0.026, 0.015),
    "own codes": Components(0.0031, 0.13, 0.13, 0.068),
}
"""Of 11 methods on creatures, whose code is public, on ResNets of five seeds; and of 8 methods on the first three
networks with a code of their own, 48 scenes each: they do not tell scene from network x scene, and say little of the
network."""


def boards(
    parts: Components, level: Floats, networks: int, repeats: int, scenes: int = SCENES
) -> tuple[Floats, Floats]:
    """Scores of networks (repeats, architectures x networks, methods), scene by scene, and their true means."""
    rng, count = np.random.default_rng(0), ARCHITECTURES * networks

    def drawn(variance: float, *shape: int) -> Floats:
        """Per method: half the variance of a difference."""
        return np.sqrt(variance / 2) * rng.standard_normal((*shape, len(level)))

    architecture = drawn(parts.architecture, ARCHITECTURES)
    architecture -= architecture.mean(axis=0)  # fixed: what is averaged over is known
    scores = np.empty((repeats, count, len(level)))
    for one in scores:
        scene = drawn(parts.scene, count, scenes) + drawn(parts.network_scene, count, scenes)
        one[:] = np.repeat(architecture, networks, axis=0) + drawn(parts.network, count) + scene.mean(axis=1)
    return scores + level, level


def strata(networks: int) -> list[str]:
    return [f"architecture {place}" for place in range(ARCHITECTURES) for _ in range(networks)]


def coverage(parts: Components, networks: int, repeats: int) -> float:
    """The share of intervals, of a score and of a planned difference, that hold the truth."""
    scores, truth = boards(parts, np.linspace(0, 0.8, METHODS), networks, repeats)
    held = []
    for one in scores:
        both = np.hstack([one, one[:, 1:] - one[:, :-1]])
        _, low, high = mean_interval(both, strata(networks))
        true = np.concatenate([truth, np.diff(truth)])
        held.append((low <= true) & (true <= high))
    return float(np.mean(held))


def simultaneous(parts: Components, networks: int, repeats: int) -> float:
    """The share of boards on which the intervals of all pairs hold their true differences."""
    scores, truth = boards(parts, np.linspace(0, 0.8, METHODS), networks, repeats)
    first, second = np.triu_indices(METHODS, 1)
    true, held = truth[first] - truth[second], 0
    for seed, one in enumerate(scores):
        pairs = separate(one, strata(networks), level=0.95, draws=500, seed=seed)
        off = np.abs(pairs.difference[first, second] - true)
        held += bool((off <= pairs.critical * pairs.errors).all())
    return held / repeats


def power(parts: Components, gap: float, networks: int, repeats: int, margin: float = 0.0) -> tuple[float, float]:
    """The power of finding a true difference: by one planned comparison, and among all pairs of twelve methods."""
    level = gap * (np.arange(METHODS) % 2)
    scores, _ = boards(parts, level, networks, repeats)
    planned, among = 0, 0.0
    critical = critical_values(strata(networks), 0.95)[0]
    for seed, one in enumerate(scores):
        difference = one[:, 1] - one[:, 0]
        error = np.sqrt((residuals(difference[:, None], strata(networks)) ** 2).sum())
        planned += difference.mean() > max(critical * error, margin)
        better = separate(one, strata(networks), level=0.95, draws=300, seed=seed, margin=margin).better
        among += better[1::2, ::2].mean()
    return planned / repeats, among / repeats


TABLES = np.array([0.023, 0.031, 0.031, 0.027, 0.132, 0.011, 0.002, 0.006, 0.112, 0.003, 0.002, 0.034])
"""Variances from table to table of twelve methods' scores, on ten tables of 16 rows."""


def families(repeats: int, tables: int = 10) -> tuple[Floats, list[tuple[str, str]], Floats]:
    """Boards of two networks with a code of their own in each of two architectures, 48 scenes, and of tables."""
    level = np.linspace(0, 0.8, METHODS)
    networks, _ = boards(MEASURED["own codes"], level, 2, repeats, scenes=48)
    alike = level + np.sqrt(TABLES) * np.random.default_rng(1).standard_normal((repeats, tables, METHODS))
    places = [("own codes", name) for name in strata(2)] + [("tables", "")] * tables
    return np.concatenate([networks, alike], 1), places, level


def coverage_of_families(repeats: int) -> tuple[float, float]:
    """The share of intervals, of scores and of neighbours' differences, that hold the truth; and of whole boards."""
    scores, places, level = families(repeats)
    first, second = np.triu_indices(METHODS, 1)
    held, at_once = [], 0
    for seed, one in enumerate(scores):
        for values, true in ((one, level), (np.diff(one, axis=1), np.diff(level))):
            _, low, high = mean_interval(values, places)
            held.append(float(((low <= true) & (true <= high)).mean()))
        pairs = separate(one, places, level=0.95, draws=300, seed=seed)
        off = np.abs(pairs.difference[first, second] - level[first] + level[second])
        at_once += bool((off <= pairs.critical * pairs.errors).all())
    return float(np.mean(held)), at_once / repeats


def error(share: float, repeats: int) -> float:
    """Three Monte-Carlo standard errors."""
    return 3 * float(np.sqrt(share * (1 - share) / repeats))


@pytest.mark.parametrize("networks", [2, 4])
def test_intervals_over_networks_cover_quick(networks: int) -> None:
    assert coverage(MEASURED["shapley"], networks, 300) == pytest.approx(0.95, abs=0.02)


def test_all_pairs_cover_at_once_quick() -> None:
    assert simultaneous(MEASURED["mean of questions"], 4, 150) >= 0.94 - error(0.94, 150)


def test_a_planned_pair_is_found_quick() -> None:
    planned, _ = power(MEASURED["mean of questions"], 0.1, 4, 60)
    assert planned >= 0.8 - error(0.8, 60)


def test_scenes_or_tasks_as_the_unit_would_not_cover() -> None:
    """Five questions about each of eight networks, which share half of its deviation, are not forty tasks."""
    rng, held, by_network = np.random.default_rng(0), 0, 0
    for _ in range(1000):
        own = rng.standard_normal((8, 1))
        tasks = np.sqrt(0.5) * own + np.sqrt(0.5) * rng.standard_normal((8, 5))
        _, low, high = mean_interval(tasks.reshape(40, 1), ["a"] * 20 + ["b"] * 20)
        held += bool(low[0] <= 0 <= high[0])
        _, low, high = mean_interval(tasks.mean(axis=1, keepdims=True), strata(4))
        by_network += bool(low[0] <= 0 <= high[0])
    assert held / 1000 < 0.85
    assert by_network / 1000 == pytest.approx(0.95, abs=error(0.95, 1000))


def test_intervals_over_networks_and_tables_cover_quick() -> None:
    held, at_once = coverage_of_families(200)
    assert held == pytest.approx(0.95, abs=0.03)
    assert at_once >= 0.94 - error(0.94, 200)


def test_networks_and_tables_do_not_scatter_alike() -> None:
    """Taken to scatter alike, they would have 3.8 degrees of freedom for what 10 to 11 are known of."""
    scores, places, _ = families(50)
    assert degrees_of_freedom(places) == pytest.approx(3.79, abs=0.01)
    assert np.mean([degrees_of_freedom(places, one) for one in scores]) == pytest.approx(10.5, abs=0.5)


@pytest.mark.slow
def test_intervals_over_networks_and_tables_cover() -> None:
    held, at_once = coverage_of_families(2000)
    assert 0.93 <= held <= 0.97
    assert at_once >= 0.94


@pytest.mark.slow
@pytest.mark.parametrize("networks", [2, 3, 4])
@pytest.mark.parametrize("parts", MEASURED.values(), ids=[*MEASURED])
def test_intervals_over_networks_cover(parts: Components, networks: int) -> None:
    assert 0.93 <= coverage(parts, networks, 2000) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("networks", [3, 4])
@pytest.mark.parametrize("parts", MEASURED.values(), ids=[*MEASURED])
def test_all_pairs_cover_at_once(parts: Components, networks: int) -> None:
    assert simultaneous(parts, networks, 1000) >= 0.94


@pytest.mark.slow
def test_a_planned_pair_is_found() -> None:
    """Of the mean of questions, and with own codes; one question about creatures has not the power."""
    assert power(MEASURED["mean of questions"], 0.1, 4, 500)[0] >= 0.8
    assert power(MEASURED["own codes"], 0.1, 4, 500)[0] >= 0.8
    assert power(MEASURED["shapley"], 0.1, 4, 500)[0] < 0.8


@pytest.mark.slow
def test_with_a_margin_no_smaller_difference_is_claimed() -> None:
    """A true difference that is the margin looks smaller half of the time, and is claimed as rarely."""
    parts = MEASURED["mean of questions"]
    assert power(parts, 0.1, 4, 500, margin=0.1)[0] <= 0.5 + error(0.5, 500)
    assert power(parts, 0.13, 4, 500, margin=0.1)[0] >= 0.8
