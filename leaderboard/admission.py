"""The checks by which tasks were admitted, as tables: other networks' truths, cheats, distorted truths."""

from collections.abc import Collection

import pandas as pd

from ..benchmark.admission import AMORTISED, CHEAT, DISTORTED, NETWORK
from ..benchmark.results import Results

COLUMNS = ["task", "kind", "answer", "score"]


def answers(results: Results) -> pd.DataFrame:
    """One row per answer that was tried on a task: task, kind, answer, score (0: random maps, 1: the truth)."""
    rows = [
        (task, *each.partition(": ")[::2], score)
        for task, record in results.admissions.items()
        if record is not None and "z" in record.scores
        for each, score in zip(record.ids, record.scores["z"].tolist(), strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def by_task(tried: pd.DataFrame) -> pd.DataFrame:
    """One row per task: the highest score of each kind of answer, whose it is, and the mean over other networks.

    Columns: network, network_score, network_mean, cheat, cheat_score, distorted, distorted_score, class_mean.
    """
    rows = {}
    for task, group in tried.groupby("task", sort=False):
        row: dict[str, object] = {}
        for kind, name in ((NETWORK, "network"), (CHEAT, "cheat"), (DISTORTED, "distorted")):
            of_kind = (
                group[group["kind"] == kind].dropna(subset="score").sort_values("score", ascending=False, kind="stable")
            )
            best = of_kind.iloc[0] if len(of_kind) else {"answer": "", "score": float("nan")}
            row |= {name: best["answer"], f"{name}_score": best["score"]}
            row |= {"network_mean": of_kind["score"].mean()} if kind == NETWORK else {}
        rows[task] = {**row, "class_mean": group.loc[group["kind"] == AMORTISED, "score"].mean()}
    return pd.DataFrame.from_dict(rows, orient="index")


def by_cheat(tried: pd.DataFrame, tasks: Collection[str]) -> pd.DataFrame:
    """One row per cheat, the best first: its mean and its highest score on some tasks, and on which, and how many.

    Columns: mean, highest, task, n.
    """
    some = tried[(tried["kind"] == CHEAT) & tried["task"].isin(tasks)].dropna(subset="score")
    best = some.sort_values("score", ascending=False, kind="stable").groupby("answer").first()
    grouped = some.groupby("answer")["score"]
    table = pd.DataFrame({"mean": grouped.mean(), "highest": best["score"], "task": best["task"], "n": grouped.size()})
    return table.sort_values("mean", ascending=False, kind="stable")
