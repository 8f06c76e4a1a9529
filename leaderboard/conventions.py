"""The rank correlation of a board with itself, made with another score in place of the one that counts.

A sign, a margin of two pixels, the readout or the concept of effect is a convention: where the order of the methods
changes with it, the order is not a finding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..benchmark import metrics, tasks
from ..benchmark.question import KNOWN_AS
from ..benchmark.results import Results
from ..benchmark.suite import Suite, question_of
from ._headline_rows import ORACLE, RANDOM
from .clusters import Clusters, incomplete
from .normalise import TaskScores, task_scores
from .panel import kendall
from .statistics import balanced_mean

if TYPE_CHECKING:
    from .board import Standing

COLUMNS = ["counted", "other"]
DIGITS = 12
"""Scores that differ further behind the point differ by rounding."""


@dataclass(frozen=True, slots=True)
class Convention:
    """A board with another score in place of the one that counts.

    `table`, a row per ranked method that has both: counted, its score as it counts, and other, by the convention, both
    control-normalised, over the same `tasks`. `tau` is Kendall's tau-b between the two, NaN below two methods or where
    all are tied. `left_out` are the tasks that do not have the score, with the reasons.
    """

    label: str
    score: str
    table: pd.DataFrame
    tasks: tuple[str, ...]
    left_out: Mapping[str, str]

    @property
    def ranks(self) -> pd.Series:
        """The rank of each method by the convention, the best of those that are tied."""
        return self.table["other"].round(DIGITS).rank(ascending=False, method="min")

    @property
    def tau(self) -> float:
        """Kendall's tau-b between the order as it counts and by the convention."""
        counted, other = self.table.to_numpy(np.float64).T.round(DIGITS)
        return float(kendall(counted, other))


def refuse_conventions(suite: Suite) -> None:
    """Refuse a suite with a convention that nothing in it scores, or that none of its tasks can give."""
    given = {score: metrics[name] for name in suite.metrics for score in metrics[name].directions}
    counted = [tasks[name] for name in suite.tasks if question_of(name) not in suite.columns and tasks[name].headline]
    for label, score in suite.conventions.items():
        if score not in given:
            close = get_close_matches(score, given, n=1)
            hint = f"did you mean {close[0]}, or is it to be added to them?" if close else "add one that does"
            raise ValueError(f"{suite.title}: convention {label!r}: no metric of the suite gives {score!r}: {hint}")
        words = {KNOWN_AS[word] for word in given[score].needs if word in KNOWN_AS}
        if not any(words <= task.knows for task in counted):
            raise ValueError(
                f"{suite.title}: convention {label!r}: {score} reads the truth's {', '.join(sorted(words))}, "
                "which no task that counts knows: leave it out"
            )


def conventions(standing: "Standing", track: str) -> tuple[Convention, ...]:
    """Make the board of a track once for each convention of the suite."""
    named = standing.results.manifest["suite"].get("conventions", {})
    return tuple(_convention(standing, track, label, score) for label, score in named.items())


def _convention(standing: "Standing", track: str, label: str, score: str) -> Convention:
    results, counted = standing.results, standing.tasks(track)
    left_out = {task: why for task in counted if (why := _without(results, task, score))}
    asked = {task: score for task in counted if task not in left_out}
    lacking = results.lacking(asked)
    if not asked or {RANDOM, ORACLE} & set(lacking):
        left_out |= dict.fromkeys(asked, "a control has no outcome there yet")
        return Convention(label, score, pd.DataFrame(columns=COLUMNS, dtype=float), (), left_out)
    ranked = [name for name in standing.boards[track].rows.index if name not in lacking]
    rows = results.scores[results.scores["method"].isin([RANDOM, ORACLE, *ranked])]
    found = task_scores(rows, asked, chance=results.chance(asked))
    left_out |= {row["task"]: row["reason"] for _, row in found.tasks.iterrows() if not row["admitted"]}
    left_out |= _incomplete(standing, [task for task in asked if task not in left_out])
    both = [task for task in asked if task not in left_out]
    means = [_means(scores, both, ranked, standing.clusters) for scores in (standing.scores, found)] if both else []
    table = pd.DataFrame(dict(zip(COLUMNS, means, strict=False)), columns=COLUMNS, index=ranked, dtype=float).dropna()
    return Convention(label, score, table, tuple(both), left_out)


def _means(scores: TaskScores, tasks: list[str], methods: list[str], clusters: Clusters | None) -> pd.Series:
    """Return the mean score by method, as a board weighs its tasks; a method that lacks one of them has none."""
    wide = scores.table.pivot(index="task", columns="method", values="z").reindex(index=tasks, columns=methods)
    wide = wide.dropna(axis="columns")
    if clusters:
        return clusters.balanced(wide)
    families = scores.tasks.set_index("task")["family"].reindex(tasks)
    return pd.Series(balanced_mean(wide.to_numpy(np.float64), families.tolist()), index=wide.columns)


def _without(results: Results, task: str, score: str) -> str:
    """Say why a task does not have a score; empty if it does."""
    rows = results.scores
    found = rows[(rows["task"] == task) & (rows["score"] == score) & (rows["method"] == ORACLE)]
    if found["value"].notna().any():
        return ""
    return next((reason for reason in found["reason"] if reason), "the oracle has no outcome there")


def _incomplete(standing: "Standing", tasks: list[str]) -> dict[str, str]:
    """Say of the tasks about a network that lacks a question, where others have it, why they are left out."""
    if standing.clusters is None:
        return {}
    networks = incomplete(standing.results.manifest["tasks"], tasks, tasks)
    lacking = {task: networks.get(standing.clusters.network[task], ()) for task in tasks}
    return {task: f"its network lacks {', '.join(names)}" for task, names in lacking.items() if names}
