"""The verbs that look into a run, and those that check parts.

Each imports what it needs when it is run: to say what they are must not take seconds.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .screen import AsJson, Folder, progress, say, show, tell

if TYPE_CHECKING:
    from ..benchmark.results import Results

MEASURES = "kendall, spearman, rbo, overlap, sign_agreement, cosine, l1"


def compare(folder: Folder, a: str, b: str, as_json: AsJson = False) -> None:
    """Compare two methods, task by task and over all tasks that both could run."""
    from ..benchmark.results import Results
    from ..leaderboard.board import Standing
    from . import studies

    comparison = Standing(Results.read(folder)).compare(a, b)
    show(as_json, studies.comparison_data(comparison), studies.comparison(comparison))


def agreement(
    folder: Folder,
    task: Annotated[str | None, typer.Option(help="Only this task; by default each set of samples once.")] = None,
    measure: Annotated[str, typer.Option(help=f"One of {MEASURES}.")] = "kendall",
    k: Annotated[int | None, typer.Option("--k", help="How many units are the top; by default a quarter.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how far the maps of the methods agree with each other, and how far chance would."""
    from ..leaderboard.agreement import agreement as agree
    from . import studies

    found = agree(_with_maps(folder, task), task, measure, k=k)
    show(as_json, studies.agreement_data(found), studies.agreements(found))


def panel(
    folder: Folder,
    task: Annotated[str | None, typer.Option(help="Only this task; by default each set of samples once.")] = None,
    samples: Annotated[int, typer.Option(min=2, help="How many samples of each.")] = 16,
    imputers: Annotated[str, typer.Option(help="What may stand in for the hidden, with commas.")] = "",
    readouts: Annotated[str, typer.Option(help="What may be read of the outputs, with commas.")] = "",
    out: Annotated[Path | None, typer.Option(help="Where to write every ranking; by default DIR/panel.csv.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rank the methods of a run again under other imputers, readouts, signs and steps: how far do rankings move?"""
    from ..leaderboard._protocols import Choices
    from ..leaderboard.escape import csv
    from ..leaderboard.panel import not_served, summary
    from ..leaderboard.panel import panel as rank_again
    from . import studies

    usual = Choices()
    choices = replace(usual, imputers=_words(imputers) or usual.imputers, readouts=_words(readouts) or usual.readouts)
    results = _with_maps(folder, task)
    with progress("reading maps") as report:
        found = rank_again(results, task, choices, samples=samples, progress=report)
    path = out or folder / "panel.csv"
    path.write_text(csv(found), encoding="utf-8")
    tables = studies.panel(found, summary(found), not_served(found))
    show(as_json, studies.panel_data(found), tables)
    if not as_json:
        say(f"every ranking: {path}")


def _with_maps(folder: Path, task: str | None) -> "Results":
    """Open a run, and make the maps that it lacks."""
    from ..benchmark.results import Results
    from ..leaderboard.missing_maps import cost_of, explain_again, missing_maps

    results = Results.read(folder)
    if missing := missing_maps(results, task):
        tell(cost_of(missing))
        with progress("explaining again") as report:
            explain_again(results, missing, report)
    return results


def _words(given: str) -> tuple[str, ...]:
    return tuple(given.split(",")) if given else ()


def check(
    kind: Annotated[str, typer.Argument(help="methods, metrics or tasks.")],
    names: Annotated[list[str] | None, typer.Argument(help="Names or files; all by default.")] = None,
    peer: Annotated[
        list[str] | None, typer.Option(help="Check the metrics of another library instead; may be repeated.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Write what came out of the peers to this Markdown page.")] = None,
    samples: Annotated[int, typer.Option(min=2, help="How many samples a task is looked at on.")] = 48,
    as_json: AsJson = False,
) -> None:
    """Put methods and metrics through their contract and oracles, and tasks to cheats, check by check."""
    from ..peers import conformance
    from . import checking, studies

    if kind not in checking.KINDS:
        raise ValueError(f"cannot check {kind!r}: check {', '.join(checking.KINDS[:-1])} or {checking.KINDS[-1]}")
    if peer and kind != "metrics":
        raise ValueError(f"the {kind} of peers cannot be checked yet: check metrics")

    if peer:
        outcomes = checking.check_peers(peer, names or [])
        found = {each.theirs: checks for each, checks in outcomes}
        if page is not None:
            page.write_text(conformance.page(outcomes), encoding="utf-8")
    else:
        found = checking.check_parts(kind, names or [], samples)
    show(as_json, studies.check_data(found), (studies.outcomes if kind == "tasks" else studies.checks)(found))
    failed = sum(not check.passed for checks in found.values() for check in checks)
    raise typer.Exit(1 if failed and not peer else 0)
