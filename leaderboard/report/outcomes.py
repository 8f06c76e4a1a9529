"""Outcomes without a score, by reason: what went wrong first, what was never to be expected last."""

from dataclasses import dataclass

import pandas as pd

from ...benchmark.results import Results

KINDS = ("failed", "undefined", "refused", "impossible")
"""An error; values that are NaN; a method's or metric's honest no; what the plan ruled out before the run."""
CELL = ["task", "method", "metric", "seed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Cells without a score, or with values that are undefined, for one and the same reason; kind is one of KINDS."""

    kind: str
    reason: str
    cells: int
    values: int
    methods: tuple[str, ...]
    metrics: tuple[str, ...]
    tasks: tuple[str, ...]
    trace: str


def outcomes(results: Results) -> tuple[Outcome, ...]:
    """Group what has no score by kind and reason, in the order of KINDS, the most frequent reason first."""
    table = pd.concat([_without_score(results), _undefined(results)])
    groups = table.groupby(["kind", "reason"], sort=False)
    found = [_outcome(str(kind), str(reason), group) for (kind, reason), group in groups]
    return tuple(sorted(found, key=lambda outcome: (KINDS.index(outcome.kind), -outcome.cells)))


def _without_score(results: Results) -> pd.DataFrame:
    """The cells that failed or were skipped, a row each."""
    planned = {tuple(cell[:4]) for cell in results.manifest["cells"] if cell[6]}
    cells = results.cells[results.cells["status"] != "ok"]
    places = cells[CELL].itertuples(index=False, name=None)
    kinds = [
        "failed" if status == "failed" else "impossible" if place in planned else "refused"
        for status, place in zip(cells["status"], places, strict=True)
    ]
    return cells[[*CELL, "reason", "trace"]].assign(kind=kinds)


def _undefined(results: Results) -> pd.DataFrame:
    """The values that are NaN in cells that did not fail, a row each."""
    scores = results.scores
    bare = scores[(scores["status"] == "ok") & scores["value"].isna()]
    return bare[[*CELL, "reason"]].assign(trace="", kind="undefined")


def _outcome(kind: str, reason: str, rows: pd.DataFrame) -> Outcome:
    methods, metrics, tasks = (tuple(rows[word].unique()) for word in ("method", "metric", "task"))
    cells, values = len(rows[CELL].drop_duplicates()), len(rows) if kind == "undefined" else 0
    return Outcome(kind, reason, cells, values, methods, metrics, tasks, str(rows["trace"].iloc[0]))
