"""What the command line prints: tables for people, plain data for scripts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from .benchmark.checks import Check
from .benchmark.plan import Cell, Estimate
from .benchmark.results import Results
from .benchmark.suite import Suite
from .leaderboard.agreement import Agreement
from .leaderboard.board import Standing
from .leaderboard.compare import Comparison
from .leaderboard.ranking import Board

Data = dict[str, Any]


def _table(title: str, *columns: str) -> Table:
    """Return a table whose first column holds names and whose others hold numbers."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", overflow="fold")
    return table


def listing(kind: str, known: Mapping[str, str]) -> Table:
    """Show names with one line each."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(kind, no_wrap=True)
    table.add_column("")
    for name, summary in known.items():
        table.add_row(name, Text(summary))
    return table


def plan(suite: Suite, cells: Sequence[Cell], bill: Estimate) -> Iterator[RenderableType]:
    """Show a plan: how many cells, what they cost, and why some are impossible."""
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
    table = _table("", "impossible because", "cells")
    for reason, count in Counter(cell.reason for cell in cells if cell.reason).most_common():
        table.add_row(Text(reason), str(count))
    yield table


def plan_data(cells: Sequence[Cell], bill: Estimate) -> Data:
    """Return a plan as plain data."""
    names = ("task", "method", "metric", "repeat")
    return {
        "estimate": asdict(bill),
        "cells": [{**dict(zip(names, cell.names, strict=True)), "reason": cell.reason} for cell in cells],
    }


def boards(standing: Standing) -> Iterator[RenderableType]:
    """Show the board of each track, and what it rests on."""
    shown: set[tuple[str, ...]] = set()
    for track, board in standing.boards.items():
        if (tasks := tuple(standing.tasks(track))) in shown:
            continue
        shown.add(tasks)
        yield _board(standing, track, board)
        yield Text(
            f"differences below {board.separable:.2f} are not told apart here; "
            f"two halves of the tasks agree to a Kendall tau of {board.reliability:.2f}\n",
            style="dim",
        )
    for _, task in standing.scores.tasks.iterrows():
        if not task["admitted"]:
            yield Text(f"not counted: {task['task']}: {task['reason']}", style="yellow")
        elif task["flagged"]:
            beaten = f"{task['canary_share']:.0%}"
            yield Text(
                f"flagged: {task['task']}: the canary {task['canary']} beats {beaten} of the methods", style="yellow"
            )


def _board(standing: Standing, track: str, board: Board) -> Table:
    canaries = standing.results.methods("canary")
    title = f"{standing.results.title}, {track} track: agreement with the truth over {len(standing.tasks(track))} tasks"
    table = _table(title, "method", "tier", "rank", "score", "95% interval")
    for name, row in board.rows.iterrows():
        table.add_row(
            str(name),
            row["tier"],
            f"{row['rank']:.0f} [{row['rank_low']:.0f}-{row['rank_high']:.0f}]",
            f"{row['score']:.3f}",
            f"[{row['low']:.3f}, {row['high']:.3f}]",
            style="dim" if name in canaries else "",
        )
    return table


def board_data(standing: Standing) -> Data:
    """Return the boards as plain data."""
    return {
        "suite": standing.results.title,
        "tracks": {track: _records(board.rows.reset_index()) for track, board in standing.boards.items()},
        "tasks": _records(standing.scores.tasks),
    }


def _records(table: pd.DataFrame) -> list[Data]:
    plain = table.astype(object).where(table.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]


def failures(results: Results) -> list[str]:
    """Say in one line for each method that failed where and why."""
    cells = results.cells
    bad = cells[(cells["status"] == "failed") | ((cells["status"] == "ok") & (cells["reason"] != ""))]
    return [_failure(str(method), cells) for method, cells in bad.groupby("method")]


def _failure(method: str, cells: pd.DataFrame) -> str:
    reasons = cells["reason"].unique()
    more = f", and {len(reasons) - 1} more reasons, see the report" if len(reasons) > 1 else ""
    return f"{method}: {reasons[0]} ({cells['task'].nunique()} tasks{more})"


def repairs(damaged: Sequence[Path]) -> list[str]:
    """Say in one line which files of the store were damaged."""
    if not damaged:
        return []
    return [
        f"{len(damaged)} damaged files of the store were put aside and their scores computed again, {damaged[0]} first"
    ]


def comparison(found: Comparison) -> Iterator[RenderableType]:
    """Show a comparison: overall, by family, by task."""
    overall = found.overall
    yield Text(
        f"{found.a} - {found.b}: {overall.difference:+.3f} [{overall.low:+.3f}, {overall.high:+.3f}] over {overall.n} "
        f"tasks, p = {found.p:.3g} (sign flips), better on {overall.improvement:.0%} of the tasks: {found.verdict}"
    )
    for title, rows, key in (("by family", found.families, "family"), ("by task", found.tasks, "task")):
        table = _table(title, key, "difference", "95% interval", "improved", "n")
        for _, row in rows.iterrows():
            interval = f"[{row['low']:+.3f}, {row['high']:+.3f}]"
            table.add_row(
                str(row[key]), f"{row['difference']:+.3f}", interval, f"{row['improvement']:.0%}", str(row["n"])
            )
        yield table
    if found.left_out:
        yield Text(f"left out, for one of the two has no score there: {', '.join(found.left_out)}")


def comparison_data(found: Comparison) -> Data:
    """Return a comparison as plain data."""
    overall = {"a": found.a, "b": found.b, "p": found.p, "verdict": found.verdict, **asdict(found.overall)}
    by = {"families": _records(found.families), "tasks": _records(found.tasks)}
    return {"overall": overall, **by, "left_out": list(found.left_out)}


def agreements(found: Agreement) -> Iterator[RenderableType]:
    """Show how far methods agree, for each set of samples: the matrix, alpha, and the pairs where it is only one."""
    for task, same in found.tasks.items():
        others = f" (and {len(same) - 1} more on these samples)" if len(same) > 1 else ""
        yield Text(f"{task}{others}: {found.measure.title}", style="italic")
        yield _agreement(found, task)
        yield Text(_chance(found, task), style="dim")
        yield from _alphas(found, task)
    if len(found.tasks) == 1:
        yield _pairs(found)
    for (name, reason), rows in found.left_out.groupby(["method", "reason"], sort=False):
        yield Text(f"left out: {name} on {', '.join(rows['task'])}: {reason}", style="yellow")
    yield Text(
        f"above the diagonal: the mean over samples, dim where p >= 0.05 under random relabelling of the units (each "
        f"pair for itself); below it: half of its {found.level:.0%} interval; on it: less than 1 where ties leave the "
        "order to chance",
        style="dim",
    )


def _agreement(found: Agreement, task: str) -> Table:
    names = found.matrix(task).index
    value, low, p = (found.matrix(task, word).to_numpy(float) for word in ("agreement", "low", "p"))
    table = _table("", "", *(str(place) for place in range(1, len(names) + 1)))
    for row, name in enumerate(names):
        below = (Text(_number(half, "±"), style="dim") for half in (value - low)[row, :row])
        above = (
            Text(_number(mean), style="dim" if chance >= 0.05 else "")
            for mean, chance in zip(value[row, row:], p[row, row:], strict=True)
        )
        table.add_row(Text(f"{row + 1} {name}"), *below, *above)
    return table


def _chance(found: Agreement, task: str) -> str:
    """On how many samples the pairs are defined, and what relabelled units would give."""
    pairs = found.pairs[(found.pairs["task"] == task) & (found.pairs["a"] != found.pairs["b"]) & (found.pairs["n"] > 0)]
    if pairs.empty:
        return "no two methods have maps that rank the units of the same sample"
    samples, chance = pairs["n"], pairs["chance"]
    counts, values = ((str(samples.min()), str(samples.max())), (_number(chance.min()), _number(chance.max())))
    return f"on {' to '.join(dict.fromkeys(counts))} samples; by chance {' to '.join(dict.fromkeys(values))}"


def _number(value: float, sign: str = "") -> str:
    return "–" if pd.isna(value) else f"{sign}{value:z.2f}"


def _alphas(found: Agreement, task: str) -> Iterator[Text]:
    for _, row in found.alpha[found.alpha["task"] == task].iterrows():
        yield Text(
            f"Krippendorff's alpha of {row['methods']} entrants, {row['level']}: {_number(row['alpha'])} "
            f"[{_number(row['low'])}, {_number(row['high'])}] on {row['n']} samples"
        )


def _pairs(found: Agreement) -> Table:
    table = _table("by pair", "", "agreement", f"{found.level:.0%} interval", "by chance", "p", "n")
    pairs = found.pairs[found.pairs["a"] != found.pairs["b"]].sort_values("agreement", ascending=False, kind="stable")
    for _, row in pairs.iterrows():
        interval = f"[{_number(row['low'])}, {_number(row['high'])}]"
        numbers = _number(row["agreement"]), interval, _number(row["chance"])
        p = "–" if pd.isna(row["p"]) else f"{row['p']:.3g}"
        table.add_row(Text(f"{row['a']}, {row['b']}"), *numbers, p, str(row["n"]))
    return table


def agreement_data(found: Agreement) -> Data:
    """Return agreement as plain data."""
    head = {"measure": asdict(found.measure), "draws": found.draws, "level": found.level}
    by = {"pairs": _records(found.pairs), "alpha": _records(found.alpha), "left_out": _records(found.left_out)}
    return {**head, "tasks": {name: list(same) for name, same in found.tasks.items()}, **by}


def checks(found: Mapping[str, Sequence[Check]]) -> Iterator[RenderableType]:
    """Show how many checks each part passes, and each that it does not."""
    table = _table("", "part", "passed", "skipped", "failed")
    for name, results in found.items():
        skipped, passed = sum(c.skipped for c in results), sum(c.passed and not c.skipped for c in results)
        failed = len(results) - skipped - passed
        table.add_row(name, str(passed), str(skipped), str(failed), style="red" if failed else "")
    yield table
    for name, results in found.items():
        for check in results:
            if not check.passed and not check.skipped:
                yield Text(f"{name}: {check.name}: {check.reason}", style="red")


def check_data(found: Mapping[str, Sequence[Check]]) -> Data:
    """Return checks as plain data."""
    return {name: [asdict(check) for check in results] for name, results in found.items()}
