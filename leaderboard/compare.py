"""The paired comparison of two methods, over tasks and within one."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from .clusters import Clusters
from .normalise import TaskScores
from .statistics import Stratum, mean_interval, random_signs, task_weights

Floats = npt.NDArray[np.float64]
Verdict = Literal["equivalent", "better", "worse", "undecided"]

EXACT_UP_TO = 16


@dataclass(frozen=True, slots=True)
class Paired:
    """A mean of `n` paired differences, its t interval, and the share of pairs improved (ties count half)."""

    difference: float
    low: float
    high: float
    improvement: float
    n: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Method `a` less method `b`: `overall` over tasks (family-balanced), sign-flip `p`, ROPE verdict by the interval.

    `families` has a row per family (over its tasks), `tasks` a row per task (over its samples), each with the fields of
    `Paired`; a task's row also has the family. `left_out` names the tasks that count on which one of the two has no
    score. Where the `unit` is the network, `overall` is over networks, and the families are architectures, or groups:
    the noun is `stratum`.
    """

    a: str
    b: str
    overall: Paired
    p: float
    verdict: Verdict
    families: pd.DataFrame
    tasks: pd.DataFrame
    left_out: tuple[str, ...]
    unit: str = "task"
    stratum: str = "family"


@dataclass(frozen=True, slots=True)
class ProxyComparison:
    """Method `a` less method `b` by proxies alone, which say nothing about the truth: there is no verdict.

    `scores` has a row per (task, score): task, score, better (its direction), and the fields of `Paired`, over the
    samples on which both are defined; `improvement` is the share on which `a` is better.
    """

    a: str
    b: str
    scores: pd.DataFrame


def compare_proxies(
    scores: pd.DataFrame, better: Mapping[str, Mapping[str, str]], a: str, b: str, *, level: float = 0.95
) -> ProxyComparison:
    """Compare two methods by each score of each metric, sample by sample, with seeds averaged first.

    `scores` is that of `Results`, `better` has the direction of each score by metric.
    """
    done = scores[scores["status"] == "ok"]
    if strange := sorted({a, b} - set(done["method"])):
        raise ValueError(f"methods {strange} are not scored; choose among {sorted(set(done['method']))}")
    cells = done[done["method"].isin([a, b])].groupby(["task", "metric", "score"], sort=False)
    rows = [
        {"task": task, "score": score, "better": direction, **asdict(_paired_scores(group, a, b, direction, level))}
        for (task, metric, score), group in cells
        if (direction := better[str(metric)].get(str(score))) and set(group["method"]) == {a, b}
    ]
    found = pd.DataFrame(rows)
    if found.empty:
        raise ValueError(f"{a!r} and {b!r} share no score on any task; nothing can be compared")
    return ProxyComparison(a, b, found)


def _paired_scores(cell: pd.DataFrame, a: str, b: str, better: str, level: float) -> Paired:
    means = cell.groupby(["method", "sample"])["value"].mean()
    differences = (means[a] - means[b]).dropna().to_numpy(np.float64)
    if not len(differences):
        return Paired(math.nan, math.nan, math.nan, math.nan, 0)
    found = paired(differences, level)
    return found if better == "higher" else replace(found, improvement=1 - found.improvement)


def compare(
    scores: TaskScores,
    a: str,
    b: str,
    *,
    tasks: Collection[str] | None = None,
    clusters: Clusters | None = None,
    margin: float = 0.0,
    level: float = 0.95,
    rope: float = 0.01,
    draws: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compare two methods by their differences on the `tasks` that both could run; positive is for `a`.

    Without names, the tasks are those that are admitted. A difference below `margin` is never called better or worse.
    """
    both, left_out = _by_task(scores, a, b, tasks)
    differences, families, names = _units(both, clusters)
    overall = _over_tasks(differences, families, level)
    by_family = [{"family": name, **asdict(paired(group, level))} for name, group in _grouped(differences, names)]
    by_task = [
        {"task": task, "family": family, **asdict(within_task(scores, str(task), a, b, level=level))}
        for task, family in both["family"].items()
    ]
    return Comparison(
        a=a,
        b=b,
        overall=overall,
        p=sign_flip_p(differences, families, draws=draws, seed=seed),
        verdict=_claimed(rope_verdict(overall.low, overall.high, rope), overall, margin),
        families=pd.DataFrame(by_family),
        tasks=pd.DataFrame(by_task),
        left_out=left_out,
        unit="network" if clusters else "task",
        stratum=clusters.kind if clusters else "family",
    )


def within_task(scores: TaskScores, task: str, a: str, b: str, *, level: float = 0.95) -> Paired:
    """Compare two methods on one task, paired by sample, with seeds averaged first, in normalised units.

    It says how the methods differ on further samples of this task, with its network and its controls as they are; not
    on other tasks.
    """
    rows = scores.samples[scores.samples["task"] == task]
    first, second = (rows.loc[rows["method"] == name].set_index("sample")["z"] for name in (a, b))
    if first.empty or second.empty:
        raise ValueError(
            f"{a!r} and {b!r} are not both scored on task {task!r}; choose a task and two methods that ran on it"
        )
    return paired((first - second).to_numpy(np.float64), level)


def paired(differences: Floats, level: float = 0.95) -> Paired:
    """The plain mean of differences (n,) with its t interval; the bounds are NaN for fewer than two."""
    n = len(differences)
    mean = math.fsum(differences) / n
    half = math.nan
    if n > 1:
        half = float(stats.t.ppf((1 + level) / 2, n - 1) * differences.std(ddof=1) / math.sqrt(n))
    return Paired(mean, mean - half, mean + half, improvement(differences), n)


def improvement(differences: Floats) -> float:
    """The share of differences (n,) above zero, ties counting half."""
    return float(((np.sign(differences) + 1) / 2).mean())


def rope_verdict(low: float, high: float, rope: float) -> Verdict:
    """An interval's verdict on practical equivalence, -rope to rope; undecided if it straddles an end or is NaN."""
    if low > rope:
        return "better"
    if high < -rope:
        return "worse"
    return "equivalent" if -rope < low and high < rope else "undecided"


def _claimed(verdict: Verdict, overall: Paired, margin: float) -> Verdict:
    """The verdict, or undecided where it claims a difference that is below the margin."""
    return "undecided" if verdict in ("better", "worse") and abs(overall.difference) < margin else verdict


def sign_flip_p(differences: Floats, families: Sequence[Stratum], *, draws: int = 10_000, seed: int = 0) -> float:
    """Two-sided p of the family-balanced mean under random signs of the tasks' differences (T,).

    Exact, over all 2^T signs, up to 16 tasks, and so never below 2^(1-T); beyond, seeded draws and the observed signs.
    """
    terms = task_weights(families) * differences
    signs = _all_signs(len(terms)) if len(terms) <= EXACT_UP_TO else _drawn_signs(len(terms), draws, seed)
    # Sums that equal the observed one but for rounding count as reaching it.
    reached = np.abs(signs @ terms) >= abs(math.fsum(terms)) - 1e-12 * np.abs(terms).sum()
    return float(reached.mean())


def _all_signs(n: int) -> Floats:
    return np.asarray(((np.arange(2**n)[:, None] >> np.arange(n)) & 1) * 2.0 - 1.0)


def _drawn_signs(n: int, draws: int, seed: int) -> Floats:
    return np.vstack([np.ones((1, n)), random_signs(draws, n, seed)])


def holm(p: Sequence[float] | Floats) -> Floats:
    """Holm's adjusted p-values of the comparisons displayed, in the order given."""
    values = np.asarray(p, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p-values must lie in [0, 1], got {values.tolist()}; leave undefined comparisons out")
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return np.asarray(np.minimum(adjusted, 1.0))


def _by_task(scores: TaskScores, a: str, b: str, tasks: Collection[str] | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Family and difference by task, and the tasks on which one of the two has no score."""
    table = scores.table
    if strange := sorted({a, b} - set(table["method"])):
        raise ValueError(f"methods {strange} are not scored; choose among {sorted(set(table['method']))}")
    admitted = scores.tasks.loc[scores.tasks["admitted"]].set_index("task")
    admitted = admitted if tasks is None else admitted.loc[[*tasks]]
    z = table.pivot(index="task", columns="method", values="z").reindex(admitted.index)
    both = pd.DataFrame({"family": admitted["family"], "difference": z[a] - z[b]})
    common = both.dropna()
    if common.empty:
        raise ValueError(f"{a!r} and {b!r} share no admitted task; nothing can be compared")
    return common, tuple(both.index.difference(common.index))


def _units(both: pd.DataFrame, clusters: Clusters | None) -> tuple[Floats, list[Stratum], list[str]]:
    """The difference of each task, or network, with its stratum and the name of that."""
    if clusters is None:
        return both["difference"].to_numpy(np.float64), both["family"].tolist(), both["family"].tolist()
    units = clusters.pool(both[["difference"]])
    places = clusters.strata(units.index)
    return units["difference"].to_numpy(np.float64), [*places], [clusters.name(place) for place in places]


def _over_tasks(differences: Floats, families: Sequence[Stratum], level: float) -> Paired:
    mean, low, high = (float(values[0]) for values in mean_interval(differences[:, None], families, level))
    return Paired(mean, low, high, improvement(differences), len(differences))


def _grouped(differences: Floats, families: Sequence[str]) -> list[tuple[str, Floats]]:
    names = np.asarray(families)
    return [(str(name), differences[names == name]) for name in np.unique(names)]
