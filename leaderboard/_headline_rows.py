"""The rows of tidy scores that count, refused where they contradict themselves or are not all there."""

from collections.abc import Collection, Mapping

import pandas as pd

RANDOM = "random"
ORACLE = "oracle"
COLUMNS = ("task", "family", "truth_type", "method", "score", "seed", "sample", "value", "status")
STATUSES = frozenset({"ok", "skipped", "failed"})


def headline_rows(scores: pd.DataFrame, headline: Mapping[str, str]) -> pd.DataFrame:
    """The rows of each task's headline score, refused if they contradict themselves."""
    if missing := [column for column in COLUMNS if column not in scores.columns]:
        raise ValueError(f"scores lacks the columns {missing}; give one row per value with {list(COLUMNS)}")
    rows = scores[scores["score"] == scores["task"].map(dict(headline))]
    if strange := sorted(set(rows["status"].unique()) - STATUSES):
        raise ValueError(f"unknown status {strange}; use one of {sorted(STATUSES)}")
    keys = ["task", "method", "seed", "sample"]
    if rows.duplicated(keys).any():
        twice = rows.loc[rows.duplicated(keys), keys].iloc[0].to_dict()
        raise ValueError(f"two values for {twice}; keep one per (task, method, score, seed, sample)")
    mixed = rows.groupby(["task", "method", "seed"])["status"].nunique() > 1
    if mixed.any():
        raise ValueError(f"cell {mixed.index[mixed][0]} has several statuses; a cell is either ok, skipped or failed")
    return rows


def refuse_holes(rows: pd.DataFrame, headline: Mapping[str, str], canaries: Collection[str]) -> None:
    """Raise unless the controls, the canaries and every (task, method, seed) are there."""
    methods = set(rows["method"].unique())
    if absent := sorted({RANDOM, ORACLE, *canaries} - methods):
        raise ValueError(f"no headline scores of {absent}; controls and canaries must run on every task")
    if holes := _holes(rows, headline):
        shown = ", ".join(holes[:5]) + (", …" if len(holes) > 5 else "")
        raise ValueError(f"missing cells ({len(holes)}): {shown}; run them, or record them as failed or skipped")


def _holes(rows: pd.DataFrame, headline: Mapping[str, str]) -> list[str]:
    """The cells that are not there: a method owes a task all of its own seeds that the task knows, and at least one."""
    cells = set(rows[["task", "method", "seed"]].drop_duplicates().itertuples(index=False, name=None))
    of_method: dict[str, set[int]] = {}
    of_task: dict[str, set[int]] = {task: set() for task in headline}
    for task, method, seed in cells:
        of_method.setdefault(method, set()).add(seed)
        of_task[task].add(seed)
    owed = [
        (task, method, seed)
        for task, of_this in of_task.items()
        for method, own in of_method.items()
        for seed in (own & of_this) or {min(own)}
    ]
    return [f"{task}/{method}/seed {seed}" for task, method, seed in sorted(set(owed) - cells)]
