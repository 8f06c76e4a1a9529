"""The leaderboard: a dense table of task scores becomes scores, rank intervals and tiers."""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..benchmark.suite import question_of
from .clusters import Clusters
from .normalise import TaskScores
from .statistics import (
    Stratum,
    critical_values,
    degrees_of_freedom,
    effective_number,
    mean_interval,
    order,
    relative,
    reliability,
    separate,
    tiers,
)


@dataclass(frozen=True, slots=True)
class Dense:
    """A table without holes: `scores` (tasks x methods), `families` by task, `portability`, `imputed` share by method.

    `left_out`, a row per method that could not run everywhere: method, portability, missing (its tasks). `clusters`
    where networks are the sampling unit, and not tasks.
    """

    scores: pd.DataFrame
    families: pd.Series
    portability: pd.Series
    imputed: pd.Series
    left_out: pd.DataFrame
    clusters: Clusters | None = None

    @property
    def units(self) -> pd.DataFrame:
        """The scores of each sampling unit: those of tasks, or the means of networks."""
        return self.clusters.pool(self.scores) if self.clusters else self.scores

    @property
    def strata(self) -> list[Stratum]:
        """The fixed stratum of each sampling unit: a task's family, or a network's family and architecture."""
        return [*self.clusters.strata(self.units.index)] if self.clusters else self.families.tolist()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the strata."""
        named = self.clusters.stratum if self.clusters else self.families.__getitem__
        return tuple(sorted({named(task) for task in self.scores.index}))


@dataclass(frozen=True, slots=True)
class Board:
    """A leaderboard.

    `rows`, best first, by method: score, low, high, rank, rank_low, rank_high, tier, portability, imputed, n_tasks.
    `better` (M x M) is True where the row is separated from, and above, the column. `critical` is the critical value of
    all pairs together. `minimum_detectable_difference` is the true difference that one planned comparison finds with
    80 % power, the median over pairs: pairs that differ less from task to task are told apart at less. `reliability` is
    the mean Kendall tau-b between the boards of two random halves of the tasks: an understatement for the whole, which
    has twice the tasks. `margin` is the difference below which none is claimed. `effective_tasks` is the effective
    number of tasks, see `effective_number`. `unit` is the sampling unit (task or network), of which there are `units`
    in the fixed `strata` (each a family, an architecture, or a group: either, of several families), which leaves
    `freedom` degrees of freedom; `questions` are those that count.
    """

    rows: pd.DataFrame
    better: pd.DataFrame
    critical: float
    minimum_detectable_difference: float
    reliability: float
    left_out: pd.DataFrame
    margin: float
    effective_tasks: float
    unit: str
    units: int
    stratum: str
    strata: tuple[str, ...]
    freedom: float
    questions: tuple[str, ...]

    @property
    def undefined(self) -> str:
        """Why a board has numbers that are NaN; empty where it has none."""
        if self.units == 1:
            return f"one {self.unit}: no interval, no detectable difference and no reliability"
        return "one method: no detectable difference and no reliability" if len(self.rows) == 1 else ""


def dense(
    scores: TaskScores,
    tasks: Collection[str] | None = None,
    methods: Collection[str] | None = None,
    clusters: Clusters | None = None,
) -> Dense:
    """The admitted tasks (or those named) by the methods that ran on all of them; without names, controls stay out.

    Tasks are never dropped for the sake of a method: a score would then depend on who else entered.
    """
    table = scores.table
    admitted = scores.tasks.loc[scores.tasks["admitted"], "task"].tolist()
    chosen = admitted if tasks is None else list(tasks)
    entered = sorted(set(table.loc[table["role"] != "control", "method"]) if methods is None else set(methods))
    _refuse_unknown("tasks", chosen, admitted, "admitted")
    _refuse_unknown("methods", entered, table["method"], "scored")
    table = table[table["task"].isin(chosen) & table["method"].isin(entered)]
    matrix = table.pivot(index="task", columns="method", values="z").reindex(index=chosen, columns=entered)
    portability = matrix.notna().mean()
    complete = portability.index[portability == 1]
    left_out = [
        {"method": name, "portability": portability[name], "missing": tuple(matrix.index[matrix[name].isna()])}
        for name in entered
        if name not in complete
    ]
    return Dense(
        scores=matrix[complete],
        families=table.drop_duplicates("task").set_index("task")["family"].reindex(chosen),
        portability=portability[complete],
        imputed=table.groupby("method")["imputed_share"].mean()[complete],
        left_out=pd.DataFrame(left_out, columns=["method", "portability", "missing"]),
        clusters=clusters.among(chosen) if clusters else None,
    )


def make_board(
    table: Dense, *, level: float = 0.95, draws: int = 10_000, splits: int = 200, seed: int = 0, margin: float = 0.0
) -> Board:
    """Scores, their t intervals, simultaneous rank intervals and tiers of every method in the table."""
    refuse_holes(table.scores)
    names = table.scores.columns
    scores, families = table.units.to_numpy(np.float64), table.strata
    mean, low, high = mean_interval(scores, families, level)
    pairs = separate(scores, families, level=level, draws=draws, seed=seed, margin=margin)
    above, below = pairs.better.sum(axis=0), pairs.better.sum(axis=1)
    rows = pd.DataFrame(
        {
            "score": mean,
            "low": low,
            "high": high,
            "rank": 1 + (pairs.difference > 0).sum(axis=0),
            "rank_low": 1 + above,
            "rank_high": len(names) - below,
            "tier": tiers(mean, pairs.better),
            "portability": table.portability.to_numpy(),
            "imputed": table.imputed.to_numpy(),
            "n_tasks": len(table.scores),
        },
        index=names,
    )
    error = float(np.median(pairs.errors)) if pairs.errors.size else math.nan
    return Board(
        rows=rows.iloc[order(mean)],
        better=pd.DataFrame(pairs.better, index=names, columns=names),
        critical=pairs.critical,
        minimum_detectable_difference=sum(critical_values(families, level, relative(scores))) * error,
        reliability=reliability(scores, families, splits=splits, seed=seed),
        left_out=table.left_out,
        margin=margin,
        effective_tasks=effective_number(table.scores.to_numpy(np.float64)),
        unit="network" if table.clusters else "task",
        units=len(scores),
        stratum=table.clusters.kind if table.clusters else "family",
        strata=table.names,
        freedom=degrees_of_freedom(families, scores),
        questions=tuple(dict.fromkeys(question_of(str(task)) for task in table.scores.index)),
    )


def refuse_holes(scores: pd.DataFrame) -> None:
    """Raise, naming the cells, if a table of tasks by methods has NaN, no task or no method."""
    holes = [f"{scores.index[t]}/{scores.columns[m]}" for t, m in np.argwhere(scores.isna().to_numpy())]
    if holes:
        shown = ", ".join(holes[:5]) + (", …" if len(holes) > 5 else "")
        raise ValueError(
            f"cells without a score ({len(holes)}): {shown}; impute them, or leave the methods out with dense()"
        )
    if scores.empty:
        raise ValueError(
            f"a board needs a task and a method, got {len(scores)} x {scores.shape[1]}; see left_out of dense()"
        )


def _refuse_unknown(what: str, given: Collection[str], known: Collection[str], word: str) -> None:
    if strange := sorted(set(given) - set(known)):
        raise ValueError(f"{what} {strange} are not {word}; choose among {sorted(set(known))}")
