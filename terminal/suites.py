"""Suites, plans and boards as tables and as data."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby, islice
from pathlib import Path

import pandas as pd
from rich.console import RenderableType
from rich.text import Text

from ..benchmark.data import Record
from ..benchmark.estimate import Estimate
from ..benchmark.plan import Cell
from ..benchmark.results import Results
from ..benchmark.suite import Suite
from ..leaderboard.admission import answers
from ..leaderboard.board import Standing
from ..leaderboard.conventions import conventions
from ..leaderboard.escape import cut
from ..leaderboard.ranking import Board
from ..leaderboard.report.tables import Findings
from ..leaderboard.report.words import (
    arrow,
    drawn_from,
    generalises,
    named,
    not_counted,
    outcome,
    passes,
    rests_on,
    several,
    with_itself,
)
from .screen import Data, Numbers, bounds, number, records

FEW = 2
"""The most scores of a metric that the screen shows; the report has them all."""


def plan(
    suite: Suite, cells: Sequence[Cell], bill: Estimate, checks: Mapping[str, Record | None]
) -> Iterator[RenderableType]:
    """Show a plan: how many cells, what they cost, why some are impossible, and which tasks will not count."""
    possible = [cell for cell in cells if not cell.reason]
    tasks, methods = {cell.task.name for cell in cells}, {cell.method.part.name for cell in cells}
    yield Text(
        f"{suite.title}: {len(tasks)} tasks, {len(methods)} methods, {len(suite.metrics)} metrics: "
        f"{len(possible)} cells, {len(cells) - len(possible)} impossible"
    )
    yield Text(
        f"still to compute: {bill.forward:,} passes forward and {bill.backward:,} backward, "
        f"about {bill.seconds / 60:.1f} minutes on this machine"
    )
    if bill.unknown:
        yield Text(f"not in this estimate, for they do not say what they cost: {', '.join(bill.unknown)}")
    table = Numbers("", "impossible because", "cells")
    for reason, count in Counter(cell.reason for cell in cells if cell.reason).most_common():
        table.add_row(reason, str(count))
    yield table
    if unchecked := [name for name, record in checks.items() if record is None]:
        yield Text(f"{several(len(unchecked), 'task')} to be put to their checks first: {named(unchecked)}")
    for name, record in checks.items():
        if record and record.reason:
            yield Text(f"will not count: {name}: {cut(record.reason)}", style="yellow")


def plan_data(cells: Sequence[Cell], bill: Estimate, checks: Mapping[str, Record | None]) -> Data:
    """Return a plan as plain data."""
    names = ("task", "method", "metric", "repeat")
    return {
        "estimate": asdict(bill),
        "cells": [{**dict(zip(names, cell.names, strict=True)), "reason": cell.reason} for cell in cells],
        "admission": {
            name: record and {"admitted": not record.reason, "reason": record.reason} for name, record in checks.items()
        },
    }


def boards(standing: Standing) -> Iterator[RenderableType]:
    """Show the board of each track, and what it rests on; of tasks without a truth, their proxies."""
    shown: set[tuple[str, ...]] = set()
    for track, board in standing.boards.items():
        if (tasks := tuple(standing.tasks(track))) in shown:
            continue
        shown.add(tasks)
        yield _board(standing, track, board)
        itself = with_itself(conventions(standing, track))
        yield Text("\n".join([generalises(board), rests_on(board), *([itself] if itself else []), ""]), style="dim")
    yield Text(drawn_from(standing.results), style="dim")
    yield from _proxies(standing)
    if standing.unranked:
        yield Text(f"no ranking: {standing.unranked}")
        return
    yield from (Text(line, style="yellow") for line in not_counted(standing.incomplete))
    for _, task in standing.scores.tasks.iterrows():
        if not task["admitted"]:
            yield Text(f"not counted: {task['task']}: {cut(task['reason'])}", style="yellow")
        elif task["flagged"]:
            beaten = f"{task['canary_share']:.0%}"
            yield Text(
                f"flagged: {task['task']}: the canary {task['canary']} beats {beaten} of the methods", style="yellow"
            )


def _proxies(standing: Standing) -> Iterator[RenderableType]:
    """Show what methods reach on each task without a truth, or why nothing is known."""
    findings = Findings(standing.results)
    spent = findings.costs[["forward", "backward"]].sum(axis=1).to_dict()
    for task in standing.results.truthless:
        if not (proxies := findings.proxies(task)):
            reason = cut(next(iter(findings.reasons(task)), "no cell is done"))
            yield Text(f"nothing is known on {task}: {reason}", style="yellow")
            continue
        first = [proxy for _, same in groupby(proxies, lambda proxy: proxy.metric) for proxy in islice(same, FEW)]
        heads = (f"{proxy.score} {arrow(proxy.better)}" for proxy in first)
        table = Numbers(f"{task}: proxies, mean ± half of the 95 % interval over samples", "method", "passes", *heads)
        for method in findings.asked(task):
            table.add_row(method, passes(spent[method]), *(outcome(proxy.rows.get(method)) for proxy in first))
        yield table
        if len(first) < len(proxies):
            yield Text(f"and {several(len(proxies) - len(first), 'more score')} in the report", style="dim")


def _board(standing: Standing, track: str, board: Board) -> Numbers:
    canaries = standing.results.methods("canary")
    over = several(len(standing.tasks(track)), "task")
    title = f"{standing.results.title}, {track} track: agreement with the truth over {over}"
    table = Numbers(title, "method", "tier", "rank", "score", "95% interval")
    for name, row in board.rows.iterrows():
        table.add_row(
            str(name),
            row["tier"],
            f"{row['rank']:.0f} [{row['rank_low']:.0f}-{row['rank_high']:.0f}]",
            number(row["score"]),
            bounds(row["low"], row["high"]),
            style="dim" if name in canaries else "",
        )
    return table


def board_data(standing: Standing) -> Data:
    """Return the boards, and the means of proxies on tasks without a truth, as plain data."""
    proxies = Findings(standing.results).means
    return {
        "suite": standing.results.title,
        "seeds": asdict(standing.results.seeds),
        "tracks": {track: records(board.rows.reset_index()) for track, board in standing.boards.items()},
        "generalises": {track: generalises(board) for track, board in standing.boards.items()},
        "margin": standing.results.manifest["suite"].get("margin", 0.0),
        "tasks": [] if standing.unranked else records(standing.scores.tasks),
        "answers": records(answers(standing.results)),
        "unranked": standing.unranked,
        "proxies": records(proxies[proxies["task"].isin(standing.results.truthless)]),
    }


def failures(results: Results) -> list[str]:
    """Say in one line for each method that failed where and why; those with undefined maps come last."""
    cells = results.cells
    bad = cells[(cells["status"] == "failed") | ((cells["status"] == "ok") & (cells["reason"] != ""))]
    worst = bad.sort_values("status", kind="stable").groupby("method", sort=False)  # failed comes before ok
    return [_failure(str(method), cells) for method, cells in worst]


def _failure(method: str, cells: pd.DataFrame) -> str:
    reasons = cells["reason"].unique()
    more = f", and {several(len(reasons) - 1, 'more reason')}, see the report" if len(reasons) > 1 else ""
    return f"{method}: {cut(reasons[0])} ({several(cells['task'].nunique(), 'task')}{more})"


def unfollowed(results: Results) -> list[str]:
    """Say in one line for each method that reads what its stored results are not tied to."""
    return [
        f"{name} reads files or the environment ({', '.join(card['reads'])}): stored results are not tied to what is "
        "in them; after a change take a new --out, or declare them: @method(files=…)"
        for name, card in results.manifest["methods"].items()
        if card.get("reads") and name not in results.absent
    ]


def repairs(damaged: Sequence[Path]) -> list[str]:
    """Say in one line which files of the store were damaged."""
    if not damaged:
        return []
    return [
        f"{len(damaged)} damaged files of the store were put aside, and what they held computed again, "
        f"{damaged[0]} first"
    ]
