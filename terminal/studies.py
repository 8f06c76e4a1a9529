"""Comparisons, agreement, sensitivity and checks as tables and as data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from rich.console import RenderableType
from rich.text import Text

from ..benchmark.checks import Check
from ..leaderboard.agreement import Agreement
from ..leaderboard.compare import Comparison, ProxyComparison
from ..leaderboard.escape import cut
from ..leaderboard.report.words import several
from .screen import NONE, Data, Numbers, bounds, number, records

PAIRED = ("difference", "95% interval", "improved", "n")


def comparison(found: Comparison | ProxyComparison) -> Iterator[RenderableType]:
    """Show a comparison: overall, by family, by task; without a truth, by proxy."""
    if isinstance(found, ProxyComparison):
        yield from _proxy_comparison(found)
        return
    overall, improved = found.overall, number(found.overall.improvement, ".0%")
    difference, interval = number(overall.difference, "+.3f"), bounds(overall.low, overall.high, "+.3f")
    yield Text(
        f"{found.a} - {found.b}: {difference} {interval} over {several(overall.n, found.unit)}, "
        f"p = {number(found.p, '.3g')} (sign flips), better on {improved} of the {found.unit}s: {found.verdict}"
    )
    for title, rows, key in ((found.stratum, found.families, "family"), ("task", found.tasks, "task")):
        table = Numbers(f"by {title}", title, *PAIRED)
        for _, row in rows.iterrows():
            table.add_row(str(row[key]), *_paired(row))
        yield table
    if found.left_out:
        yield Text(f"left out, for one of the two has no score there: {', '.join(found.left_out)}")


def _proxy_comparison(found: ProxyComparison) -> Iterator[RenderableType]:
    yield Text(
        f"{found.a} - {found.b}: no task of this suite knows the truth, so there is no verdict; what follows is each "
        "proxy, paired by sample"
    )
    table = Numbers("by proxy", "task, score", "better", *PAIRED)
    for _, row in found.scores.iterrows():
        table.add_row(f"{row['task']}, {row['score']}", row["better"], *_paired(row))
    yield table


def _paired(row: "pd.Series[Any]") -> tuple[str, ...]:
    difference, improved = number(row["difference"], "+.3f"), number(row["improvement"], ".0%")
    return difference, bounds(row["low"], row["high"], "+.3f"), improved, str(row["n"])


def comparison_data(found: Comparison | ProxyComparison) -> Data:
    """Return a comparison as plain data."""
    if isinstance(found, ProxyComparison):
        return {"overall": None, "a": found.a, "b": found.b, "proxies": records(found.scores)}
    overall = {"a": found.a, "b": found.b, "p": found.p, "verdict": found.verdict, **asdict(found.overall)}
    by = {"families": records(found.families), "tasks": records(found.tasks)}
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
        yield Text(f"left out: {name} on {', '.join(rows['task'])}: {cut(reason)}", style="yellow")
    diagonal = (
        "0, for it is a distance" if found.measure.distance else "less than 1 where ties leave the order to chance"
    )
    yield Text(
        f"above the diagonal: the mean over samples, dim where p >= 0.05 under random relabelling of the units (each "
        f"pair for itself); below it: half of its {found.level:.0%} interval; on it: {diagonal}",
        style="dim",
    )


def _agreement(found: Agreement, task: str) -> Numbers:
    names = found.matrix(task).index
    value, low, p = (found.matrix(task, word).to_numpy(float) for word in ("agreement", "low", "p"))
    table = Numbers("", "", *(str(place) for place in range(1, len(names) + 1)))
    for row, name in enumerate(names):
        below = (Text(_number(half, "±"), style="dim") for half in (value - low)[row, :row])
        above = (
            Text(_number(mean), style="dim" if chance >= 0.05 else "")
            for mean, chance in zip(value[row, row:], p[row, row:], strict=True)
        )
        table.add_row(f"{row + 1} {name}", *below, *above)
    return table


def _chance(found: Agreement, task: str) -> str:
    """On how many samples the pairs are defined, and what relabelled units would give."""
    pairs = found.pairs[(found.pairs["task"] == task) & (found.pairs["a"] != found.pairs["b"]) & (found.pairs["n"] > 0)]
    if pairs.empty:
        return "no two methods have maps that rank the units of the same sample"
    least, most = pairs["n"].min(), pairs["n"].max()
    counts = several(most, "sample") if least == most else f"{least} to {most} samples"
    chance = dict.fromkeys((_number(pairs["chance"].min()), _number(pairs["chance"].max())))
    return f"on {counts}; by chance {' to '.join(chance)}"


def _number(value: float, sign: str = "") -> str:
    return NONE if pd.isna(value) else f"{sign}{value:z.2f}"


def _alphas(found: Agreement, task: str) -> Iterator[Text]:
    for _, row in found.alpha[found.alpha["task"] == task].iterrows():
        yield Text(
            f"Krippendorff's alpha of {row['methods']} entrants, {row['level']}: {_number(row['alpha'])} "
            f"{bounds(row['low'], row['high'], 'z.2f')} on {several(row['n'], 'sample')}"
        )


def _pairs(found: Agreement) -> Numbers:
    table = Numbers("by pair", "", "agreement", f"{found.level:.0%} interval", "by chance", "p", "n")
    pairs = found.pairs[found.pairs["a"] != found.pairs["b"]].sort_values(
        "agreement", ascending=found.measure.distance, kind="stable"
    )
    for _, row in pairs.iterrows():
        numbers = (
            _number(row["agreement"]),
            bounds(row["low"], row["high"], "z.2f"),
            _number(row["chance"]),
            number(row["p"], ".3g"),
        )
        table.add_row(f"{row['a']}, {row['b']}", *numbers, str(row["n"]))
    return table


def agreement_data(found: Agreement) -> Data:
    """Return agreement as plain data."""
    head = {"measure": asdict(found.measure), "draws": found.draws, "level": found.level}
    by = {"pairs": records(found.pairs), "alpha": records(found.alpha), "left_out": records(found.left_out)}
    return {**head, "tasks": {name: list(same) for name, same in found.tasks.items()}, **by}


def checks(found: Mapping[str, Sequence[Check]]) -> Iterator[RenderableType]:
    """Show how many checks each part passes, and each that it does not."""
    table = Numbers("", "part", "passed", "skipped", "failed")
    for name, results in found.items():
        skipped, passed = sum(c.skipped for c in results), sum(c.passed and not c.skipped for c in results)
        failed = len(results) - skipped - passed
        table.add_row(name, str(passed), str(skipped), str(failed), style="red" if failed else "")
    yield table
    for name, results in found.items():
        for check in results:
            if not check.passed and not check.skipped:
                yield Text(f"{name}: {check.name}: {check.said}", style="red")


def outcomes(found: Mapping[str, Sequence[Check]]) -> Iterator[RenderableType]:
    """Show every check of each part, with what was seen."""
    for name, results in found.items():
        yield Text(name, style="bold")
        for check in results:
            word, style = ("skipped", "dim") if check.skipped else ("ok", "") if check.passed else ("FAILED", "red")
            yield Text(
                f"  {word:7} {check.name}: {check.said}" if check.said else f"  {word:7} {check.name}", style=style
            )


def check_data(found: Mapping[str, Sequence[Check]]) -> Data:
    """Return checks as plain data."""
    return {name: [asdict(check) for check in results] for name, results in found.items()}


def panel(found: pd.DataFrame, summed: pd.DataFrame, lost: Sequence[str]) -> Iterator[RenderableType]:
    """Show how far rankings move when one choice of the protocol changes, and when all may."""
    changes = [*summed["change"].unique()]
    table = Numbers("Kendall's tau to the published ranking: median, lowest", "score", *changes)
    for score, rows in summed.groupby("score", sort=False):
        cells = rows.set_index("change").reindex(changes)
        table.add_row(str(score), *(_moved(row) for _, row in cells.iterrows()))
    yield table
    yield Text(
        f"over {several(found['task'].nunique(), 'set')} of samples, {several(found['methods'].max(), 'method')}, "
        f"{several(found['samples'].max(), 'sample')}: when that choice alone changes, with the choice of the lowest; "
        "any: over all protocols",
        style="dim",
    )
    yield from (Text(f"not served: {cut(line)}", style="yellow") for line in lost)


def _moved(row: "pd.Series[Any]") -> Text:
    if pd.isna(row["median"]):
        return Text(NONE)
    choice = f" {row['choice']}" if row.name != "any" and row["lowest"] < 1 else ""
    return Text.assemble(_number(row["median"]), (f", {_number(row['lowest'])}{choice}", "dim"))


def panel_data(found: pd.DataFrame) -> list[Data]:
    """Return every ranking of the panel as plain data."""
    return records(found)
