"""Agreement between the methods of a run: do their maps of the same samples say the same?"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats
from scipy.stats import rankdata

from ..benchmark.results import Results
from ._krippendorff import krippendorff_alpha
from ._rank_agreement import KINDS, Compared, Floats, Measure, compare_maps, relabellings, varied
from ._run_maps import RunMaps, run_maps

MEASURES = tuple(KINDS)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of the methods of a run on which units are relevant; of stochastic ones, the first repeat.

    `tasks` has all tasks that ask about the same samples by the first of them, which the tables name.

    `pairs`, a row per (task, a, b), also for a method with itself, which is less than 1 where ties are left to chance:
    task, a, b, agreement (the mean over samples), low, high (its t interval over samples), chance (the closed-form mean
    under random relabelling of the units of one map), p (of the mean, two-sided, by `draws` relabellings, the same on
    all samples; of this pair alone, however many there are), n (samples on which both maps are defined).

    `alpha`, Krippendorff's with entrants as raters and units as items, a row per (task, level): task, level (ordinal:
    of each map's mid-ranks; interval: of each map's standardised values), alpha (the mean over samples), low, high, n,
    methods (the entrants).

    `left_out`, a row per (task, method) that is not compared there: task, method, reason.
    """

    measure: Measure
    draws: int
    level: float
    tasks: Mapping[str, tuple[str, ...]]
    pairs: pd.DataFrame
    alpha: pd.DataFrame
    left_out: pd.DataFrame

    def matrix(self, task: str, column: str = "agreement") -> pd.DataFrame:
        """Return a column of `pairs` as a symmetric table, methods by methods."""
        rows = self.pairs[self.pairs["task"] == task]
        names = rows["a"].unique()
        upper = rows.pivot(index="a", columns="b", values=column)
        return upper.combine_first(upper.T).reindex(index=names, columns=names)


def agreement(
    results: Results,
    task: str | None = None,
    measure: str = "kendall",
    *,
    k: int | None = None,
    persistence: float = 0.9,
    draws: int = 999,
    level: float = 0.95,
    seed: int = 0,
) -> Agreement:
    """Compare the maps of all methods of a run, sample by sample: on one task, or once for each set of samples.

    A method whose maps differ between tasks on the same samples, as the oracle's do, is compared only where a task is
    named. `Measure` has the measures and their settings `k` and `persistence`.
    """
    chosen = Measure(measure, k, persistence)
    groups = run_maps(results, task)
    compared = [group for group in groups if len(group.methods) > 1]
    entrants = results.methods("entrant")
    return Agreement(
        measure=chosen,
        draws=draws,
        level=level,
        tasks={group.tasks[0]: group.tasks for group in compared},
        pairs=pd.concat([_pairs(g, _compared(g, chosen, draws, seed), level) for g in compared], ignore_index=True),
        alpha=pd.concat([_alpha(group, entrants, level) for group in compared], ignore_index=True),
        left_out=_left_out(groups),
    )


def _left_out(groups: Sequence[RunMaps]) -> pd.DataFrame:
    rows = [(group.tasks[0], name, why) for group in groups for name, why in group.left_out.items()]
    alone = [
        (group.tasks[0], *group.methods, "no other method has maps there")
        for group in groups
        if len(group.methods) == 1
    ]
    return pd.DataFrame([*rows, *alone], columns=["task", "method", "reason"])


def _compared(group: RunMaps, measure: Measure, draws: int, seed: int) -> Compared:
    orders = relabellings(group.tasks[:1], group.relevance.shape[2], draws, seed)
    relevance, largest = group.relevance, 1.0
    if measure.distance:
        # One unit of length for all maps: what is equal but for rounding is told in it.
        largest = group.scale[np.isfinite(group.scale)].max(initial=0) or 1.0
        relevance = relevance * (group.scale / largest)[..., None]
    try:
        found = compare_maps(relevance, measure, orders)
    except ValueError as error:
        raise ValueError(f"{group.tasks[0]}: {error}") from error
    return replace(found, value=found.value * largest, expected=found.expected * largest)


def _pairs(group: RunMaps, found: Compared, level: float) -> pd.DataFrame:
    a, b = np.triu_indices(len(group.methods))
    names = np.array(group.methods, dtype=object)
    table = _interval(found.value[:, a, b], level).rename(columns={"mean": "agreement"})
    table.insert(0, "task", group.tasks[0])
    table.insert(1, "a", names[a])
    table.insert(2, "b", names[b])
    table.insert(6, "chance", pd.DataFrame(found.expected[:, a, b]).mean())
    table.insert(7, "p", found.p_of_mean[a, b])
    return table


def _alpha(group: RunMaps, entrants: Collection[str], level: float) -> pd.DataFrame:
    chosen = [place for place, name in enumerate(group.methods) if name in entrants]
    relevance = group.relevance[:, chosen]
    relevance = np.where(varied(relevance), relevance, np.nan)
    ranks, standard = rankdata(relevance, axis=-1), _standardised(relevance)
    alphas = np.stack([krippendorff_alpha(ranks, "ordinal"), krippendorff_alpha(standard, "interval")], axis=1)
    table = _interval(alphas, level).rename(columns={"mean": "alpha"})
    table.insert(0, "task", group.tasks[0])
    table.insert(1, "level", ["ordinal", "interval"])
    return table.assign(methods=len(chosen))


def _standardised(relevance: Floats) -> Floats:
    """An interval scale has neither a zero nor a unit of its own: each map gets mean 0 and deviation 1."""
    return np.asarray((relevance - relevance.mean(-1, keepdims=True)) / relevance.std(-1, keepdims=True))


def _interval(values: Floats, level: float) -> pd.DataFrame:
    """The mean of each column (N, P) over its defined samples, with its t interval: mean, low, high, n."""
    table = pd.DataFrame(values)
    n = table.count()
    half = stats.t.ppf((1 + level) / 2, (n - 1).clip(lower=1)) * table.std() / n**0.5
    return pd.DataFrame({"mean": table.mean(), "low": table.mean() - half, "high": table.mean() + half, "n": n})
