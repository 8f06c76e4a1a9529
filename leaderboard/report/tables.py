"""The contents of a report, as frames that all formats share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from scipy import stats
from torch import Tensor

from ...benchmark.registry import TRUTH_WORDS, metrics
from ...benchmark.results import Results
from .._run_maps import sample_sets
from ..admission import answers, by_cheat, by_task
from ..board import Standing
from ..clusters import Clusters
from ..conventions import Convention, conventions
from ..escape import file_names
from ..ranking import Board
from .outcomes import Outcome, outcomes

LEVEL = 0.95
CELL = ["task", "method", "metric", "score"]


@dataclass(frozen=True, slots=True)
class Track:
    """One ranking: its tasks, its board and what a reader sees of it.

    `table`, a row per method, best first and unranked ones last: role, tier, rank, rank_low, rank_high, score, low,
    high, portability, imputed, n_tasks, forward, backward, seconds; NaN where a method is not ranked. `families` has
    the same rows and a column per family, or per architecture where networks are the sampling unit, and one per
    question that is shown beside: the mean normalised score, NaN where a method lacks one of its tasks.
    """

    name: str
    tasks: tuple[str, ...]
    truth_types: tuple[str, ...]
    board: Board
    table: pd.DataFrame
    families: pd.DataFrame
    conventions: tuple[Convention, ...] = ()


@dataclass(frozen=True, slots=True)
class Proxy:
    """A score on a task without a truth: its direction, and by method its row of `means`."""

    metric: str
    score: str
    better: str
    rows: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Findings:
    """Everything that a report tells about a run; what is costly is made once and when asked for."""

    results: Results

    @cached_property
    def standing(self) -> Standing:
        """The statistics of the run."""
        return Standing(self.results)

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """The provenance of the run; its command names files only, without the folders that they lie in."""
        made = self.results.manifest["provenance"]
        return {**made, "command": file_names(made["command"])}

    @cached_property
    def unranked(self) -> str:
        """Why the methods cannot be ranked; empty if they can."""
        if self.standing.unranked:
            return self.standing.unranked
        try:
            boards = self.standing.boards
        except ValueError as error:
            return str(error)
        return "" if boards else "no task is admitted to a ranking"

    @cached_property
    def tracks(self) -> tuple[Track, ...]:
        """The rankings, the headline first, those over the same tasks once; none where methods cannot be ranked."""
        if self.unranked:
            return ()
        first = {tuple(self.standing.tasks(name)): name for name in reversed(self.standing.boards)}
        return tuple(_track(self, name, self.standing.boards[name]) for name in reversed(first.values()))

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """One row per task that knows the truth, with what its controls say; empty where methods cannot be ranked."""
        return pd.DataFrame() if self.unranked else self.standing.scores.tasks.set_index("task")

    @cached_property
    def checked(self) -> pd.DataFrame:
        """One row per task that was put to its checks: see `admission.by_task`."""
        return by_task(answers(self.results))

    @cached_property
    def cheats(self) -> pd.DataFrame:
        """One row per cheat, on the tasks of the headline ranking: see `admission.by_cheat`."""
        return by_cheat(answers(self.results), self.tracks[0].tasks if self.tracks else ())

    @cached_property
    def normalised(self) -> pd.DataFrame:
        """The control-normalised headline scores, methods by tasks: those that count, those beside, the others."""
        table, standing = self.standing.scores.table, self.standing
        wide = table.pivot(index="method", columns="task", values="z")
        rank = {name: 0 if name in standing.counted else 1 if name in self.beside else 2 for name in wide.columns}
        return wide.reindex(index=self.order, columns=sorted(self.results.headline(), key=lambda name: rank[name]))

    @property
    def unit(self) -> str:
        """The sampling unit of the rankings: task or network."""
        return str(self.results.manifest["suite"].get("cluster", "task"))

    @cached_property
    def beside(self) -> tuple[str, ...]:
        """The admitted tasks that are shown beside the rankings, and do not count for them."""
        return tuple(task for some in self.standing.columns.values() for task in some)

    def unsigned(self, track: Track) -> list[str]:
        """The methods of a ranking whose maps have no signs, which are judged by the magnitude of the truth."""
        return [name for name in track.table.index if not self.results.manifest["methods"][name]["signed"]]

    def flagged(self, track: Track) -> pd.DataFrame:
        """The tasks of a ranking on which a canary beats half of the methods."""
        tasks = self.tasks.loc[list(track.tasks)]
        return tasks[tasks["flagged"]]

    @cached_property
    def order(self) -> list[str]:
        """The methods in the order of the headline ranking, or of the suite."""
        return list(self.tracks[0].table.index) if self.tracks else list(self.results.manifest["methods"])

    @cached_property
    def means(self) -> pd.DataFrame:
        """One row per (task, method, metric, score): see `means`."""
        return means(self.results.scores)

    @cached_property
    def costs(self) -> pd.DataFrame:
        """One row per method: forward, backward and seconds per explanation."""
        return costs(self.results.cells)

    @cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes without a score, by reason: what went wrong first, what was never to be expected last."""
        return outcomes(self.results)

    @property
    def failed(self) -> list[str]:
        """The methods of which some cell failed."""
        lost = {method for outcome in self.outcomes if outcome.kind == "failed" for method in outcome.methods}
        return [name for name in self.results.manifest["methods"] if name in lost]

    @property
    def impossible(self) -> int:
        """The number of cells that the plan ruled out."""
        return sum(outcome.cells for outcome in self.outcomes if outcome.kind == "impossible")

    @cached_property
    def degenerate(self) -> pd.DataFrame:
        """One row per method and set of samples with degenerate maps: see `degenerate_maps`."""
        counted = [
            {"method": method, "tasks": tasks, **degenerate_maps(maps.values)}
            for tasks in self.sample_sets
            for method in self.order
            if (maps := self.results.maps(tasks[0], method)) is not None
        ]
        table = pd.DataFrame(counted, columns=["method", "tasks", "maps", "zero", "constant", "undefined"])
        return table[table[["zero", "constant", "undefined"]].any(axis=1)]

    @cached_property
    def sample_sets(self) -> tuple[tuple[str, ...], ...]:
        """The tasks, those together that ask about the same samples of the same network."""
        return tuple(sample_sets(self.results, None))

    def values(self, metric: str, score: str) -> dict[tuple[str, str], dict[str, Any]]:
        """The rows of `means` of one score, by (method, task)."""
        chosen = self.means[(self.means["metric"] == metric) & (self.means["score"] == score)]
        rows = ({str(name): value for name, value in row.items()} for row in chosen.to_dict("records"))
        return {(row["method"], row["task"]): row for row in rows}

    def scored(self, metric: str, score: str) -> list[str]:
        """The tasks on which some method has a value of a score."""
        known = {task for (_, task), row in self.values(metric, score).items() if row["n"]}
        return [task for task in self.results.manifest["tasks"] if task in known]

    def proxies(self, task: str) -> tuple[Proxy, ...]:
        """The scores that some method has on a task without a truth."""
        found = (
            Proxy(
                metric,
                score,
                better,
                {method: row for (method, of), row in self.values(metric, score).items() if of == task},
            )
            for metric, card in self.results.manifest["metrics"].items()
            for score, better in card["better"].items()
        )
        return tuple(proxy for proxy in found if any(row["n"] for row in proxy.rows.values()))

    def asked(self, task: str) -> list[str]:
        """The methods that have a value on a task, in order."""
        known = set(self.means.loc[(self.means["task"] == task) & (self.means["n"] > 0), "method"])
        return [name for name in self.order if name in known]

    def reasons(self, task: str) -> tuple[str, ...]:
        """Why cells of a task have no score, the most frequent first."""
        cells = self.results.cells
        return tuple(cells.loc[(cells["task"] == task) & (cells["status"] != "ok"), "reason"].value_counts().index)

    def sees_truth(self, metric: str) -> bool:
        """Whether a metric is handed the truth; one that is not is a proxy."""
        card = self.results.manifest["metrics"][metric]
        if "truth" in card:
            return bool(card["truth"])
        return metric in metrics and not TRUTH_WORDS.isdisjoint(metrics[metric].needs)


def means(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per (task, method, metric, score): mean, half, n, samples, seeds, status, reason.

    `mean` is over the `n` of `samples` that have a value, each averaged over seeds first; `half` is the half width of
    its t interval. A status other than ok says that a seed has no score; the reason is the first of a missing value.
    """
    done = scores[scores["status"] == "ok"]
    per_sample = done.groupby([*CELL, "sample"], sort=False)["value"].mean()
    grouped = per_sample.groupby(level=CELL, sort=False)
    table = pd.DataFrame({"mean": grouped.mean(), "sd": grouped.std(), "n": grouped.count(), "samples": grouped.size()})
    outer = scores.groupby(CELL, sort=False).agg(
        seeds=("seed", "nunique"), status=("status", _worst), reason=("reason", _first)
    )
    table = outer.join(table)
    counts = table[["n", "samples"]].fillna(0).astype(int)
    critical = stats.t.ppf((1 + LEVEL) / 2, (counts["n"] - 1).clip(lower=1))
    half = (critical * table["sd"] / counts["n"] ** 0.5).where(counts["n"] > 1)
    parts = {"mean": table["mean"], "half": half, **counts, **table[["seeds", "status", "reason"]]}
    return pd.DataFrame(parts).reset_index()


def _first(reasons: "pd.Series[str]") -> str:
    return next((reason for reason in reasons if reason), "")


def _worst(statuses: "pd.Series[str]") -> str:
    found = set(statuses)
    return next(status for status in ("failed", "skipped", "ok") if status in found)


def costs(cells: pd.DataFrame) -> pd.DataFrame:
    """The cost of one explanation by each method: forward, backward, seconds; the mean over tasks and seeds."""
    columns = ["forward", "backward", "seconds"]
    done = cells[cells["status"] == "ok"]
    return done.groupby(["method", "task", "seed"])[columns].first().groupby("method").mean()


def degenerate_maps(values: Tensor) -> dict[str, int]:
    """Count maps (N, E) that are zero everywhere, constant otherwise, or not finite."""
    finite = values.isfinite().all(1)
    flat = finite & (values == values[:, :1]).all(1)
    zero = flat & (values[:, 0] == 0)
    return {
        "maps": len(values),
        "zero": int(zero.sum()),
        "constant": int((flat & ~zero).sum()),
        "undefined": int((~finite).sum()),
    }


def _track(findings: Findings, name: str, board: Board) -> Track:
    standing = findings.standing
    tasks = standing.tasks(name)
    clusters = standing.clusters.among(tasks) if standing.clusters else None
    every = standing.scores.table
    scores = every[every["task"].isin(tasks)]
    table = _ranking(scores, board, findings.costs, clusters)
    kinds = tuple(sorted(set(scores["truth_type"])))
    group = scores["task"].map(clusters.stratum) if clusters else scores["family"]
    beside = {task: f"{question} (not counted)" for question, some in standing.columns.items() for task in some}
    shown = [_means_by(scores.assign(group=group), table.index)]
    if beside:
        rest = every[every["task"].isin(beside)]
        shown.append(_means_by(rest.assign(group=rest["task"].map(beside)), table.index))
    others = conventions(standing, name)
    return Track(name, tuple(tasks), kinds, board, table, pd.concat(shown, axis=1), others)


def _ranking(scores: pd.DataFrame, board: Board, costs: pd.DataFrame, clusters: Clusters | None) -> pd.DataFrame:
    """The board's rows, with the controls at their places among them and the methods that are not ranked below."""
    by_method = scores.groupby("method")
    controls = scores[scores["role"] == "control"].pivot(index="task", columns="method", values="z")
    rest = pd.DataFrame(
        {
            "score": clusters.balanced(controls) if clusters else controls.mean(),
            "portability": by_method["z"].apply(lambda z: z.notna().mean()),
            "imputed": by_method["imputed_share"].mean(),
            "n_tasks": by_method["z"].count(),
        }
    )
    table = board.rows.combine_first(rest)[list(board.rows.columns)]
    table.insert(0, "role", by_method["role"].first())
    return table.join(costs).sort_values(["score", "portability"], ascending=False, kind="stable", na_position="last")


def _means_by(scores: pd.DataFrame, methods: Iterable[str]) -> pd.DataFrame:
    """The mean normalised score by method and by the tasks' group."""
    wide = scores.pivot(index="task", columns="method", values="z")
    group = scores.drop_duplicates("task").set_index("task")["group"].reindex(wide.index)
    groups = wide.groupby(group)
    complete = groups.count().eq(groups.size(), axis=0)
    return groups.mean().where(complete).T.reindex(list(methods))
