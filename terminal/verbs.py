"""The verbs that look into a run, and those that check parts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..benchmark import import_file, methods, metrics
from ..benchmark.checks import Check, NamedCheck, method_checks, metric_checks
from ..benchmark.results import Results
from ..leaderboard._protocols import Choices
from ..leaderboard.agreement import MEASURES
from ..leaderboard.agreement import agreement as agree
from ..leaderboard.board import Standing
from ..leaderboard.escape import csv
from ..leaderboard.missing_maps import cost_of, explain_again, missing_maps
from ..leaderboard.panel import not_served, summary
from ..leaderboard.panel import panel as rank_again
from ..peers import Peer, conformance
from ..peers import find as find_peers
from . import studies
from .screen import AsJson, Folder, progress, say, show, tell


def compare(folder: Folder, a: str, b: str, as_json: AsJson = False) -> None:
    """Compare two methods, task by task and over all tasks that both could run."""
    comparison = Standing(Results.read(folder)).compare(a, b)
    show(as_json, studies.comparison_data(comparison), studies.comparison(comparison))


def agreement(
    folder: Folder,
    task: Annotated[str | None, typer.Option(help="Only this task; by default each set of samples once.")] = None,
    measure: Annotated[str, typer.Option(help=f"One of {', '.join(MEASURES)}.")] = "kendall",
    k: Annotated[int | None, typer.Option("--k", help="How many units are the top; by default a quarter.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how far the maps of the methods agree with each other, and how far chance would."""
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


def _with_maps(folder: Path, task: str | None) -> Results:
    """Open a run, and make the maps that it lacks."""
    results = Results.read(folder)
    if missing := missing_maps(results, task):
        tell(cost_of(missing))
        with progress("explaining again") as report:
            explain_again(results, missing, report)
    return results


def _words(given: str) -> tuple[str, ...]:
    return tuple(given.split(",")) if given else ()


def check(
    kind: Annotated[str, typer.Argument(help="methods or metrics.")],
    names: Annotated[list[str] | None, typer.Argument(help="Names or files; all by default.")] = None,
    peer: Annotated[
        list[str] | None, typer.Option(help="Check the metrics of another library instead; may be repeated.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Write what came out of the peers to this Markdown page.")] = None,
    as_json: AsJson = False,
) -> None:
    """Put methods or metrics through their contract and their oracles, check by check."""
    if kind not in ("methods", "metrics"):
        raise ValueError(f"cannot check {kind!r}: check methods or metrics")
    if peer and kind == "methods":
        raise ValueError("the methods of peers cannot be checked yet: check metrics")
    if peer:
        outcomes = _peers(peer, names or [])
        found = {each.theirs: checks for each, checks in outcomes}
        if page is not None:
            page.write_text(conformance.page(outcomes), encoding="utf-8")
    else:
        registry = methods if kind == "methods" else metrics
        found = dict(_shown([*_named(kind, names or [*registry])]))
    show(as_json, studies.check_data(found), studies.checks(found))
    failed = sum(not check.passed for checks in found.values() for check in checks)
    raise typer.Exit(1 if failed and not peer else 0)


def _named(kind: str, asked: Iterable[str]) -> Iterator[tuple[str, list[NamedCheck]]]:
    """Name the checks of registered parts, and of all that a file defines."""
    for name in asked:
        module = import_file(Path(name)) if name.endswith(".py") else None
        if kind == "methods":
            for method in methods.from_module(module) if module else [methods[name]]:
                yield method.name, method_checks(method)
        else:
            for metric in metrics.from_module(module) if module else [metrics[name]]:
                yield metric.name, metric_checks(metric)


def _peers(libraries: Iterable[str], names: Sequence[str]) -> list[tuple[Peer, list[Check]]]:
    """Check the metrics of other libraries."""
    chosen = [each for library in libraries for each in conformance.named_peers(find_peers(library), names)]
    named = [(each.theirs, conformance.peer_checks(each)) for each in chosen]
    return [(each, checks) for each, (_, checks) in zip(chosen, _shown(named), strict=True)]


def _shown(named: Sequence[tuple[str, list[NamedCheck]]]) -> Iterator[tuple[str, list[Check]]]:
    """Run checks part by part, and show how far it got."""
    with progress("checking") as report:
        for place, (name, checks) in enumerate(named):
            report(place, len(named), name)
            yield name, [outcome() for _, outcome in checks]
