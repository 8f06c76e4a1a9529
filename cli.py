"""The command line."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from . import tables
from .api import SUITES, baselines, entrants
from .api import run as run_suite
from .api import suite as find
from .benchmark import Part, Registry, imputers, methods, metrics, models, tasks
from .benchmark.checks import Check, NamedCheck, method_checks, metric_checks
from .benchmark.entries import import_file
from .benchmark.pack import read_pack, write_pack
from .benchmark.plan import estimate
from .benchmark.plan import plan as make_plan
from .benchmark.results import Results
from .benchmark.run import How
from .benchmark.store import Store
from .leaderboard.agreement import MEASURES
from .leaderboard.agreement import agreement as agree
from .leaderboard.board import Standing
from .leaderboard.report import FORMATS, write_report
from .peers import Peer, conformance
from .peers import find as find_peers
from .scaffold import write_method

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
new = typer.Typer(no_args_is_help=True, help="Write the file of a new part.")
app.add_typer(new, name="new")
screen = Console()

SuiteName = Annotated[str, typer.Argument(help="A shipped suite (see `heatproof list suites`), or a .toml file.")]
Folder = Annotated[Path, typer.Argument(help="The directory of a run.", metavar="DIR")]
MethodNames = Annotated[
    list[str] | None, typer.Option("--method", help="Only this method, by name or as a file; may be repeated.")
]
Out = Annotated[Path | None, typer.Option("--out", help="The run's directory; by default runs/SUITE.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a script to read.")]
BatchSize = Annotated[
    int, typer.Option(min=0, help="Inputs in a pass, 0 to let their size decide; no result depends on it.")
]


@app.callback(help="Attribution methods, put to the proof.")
def heatproof(
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error comes from.")] = False,
) -> None:
    """Take the options of all commands."""
    Fault.traceback = traceback


class Fault:
    """How errors are shown."""

    traceback = False


def main() -> None:
    """Run the command line; what a user did wrong becomes one line on standard error, and exit status 2."""
    try:
        app()
    except OSError as error:
        _stop(f"{error.strerror}: {error.filename or 'the run directory'}; what was finished is kept")
    except (ValueError, KeyError, TypeError) as error:
        _stop(str(error))


def _stop(message: str, status: int = 2) -> None:
    if Fault.traceback:
        raise
    Console(stderr=True, soft_wrap=True).print(f"heatproof: {message}", markup=False, highlight=False)
    sys.exit(status)


def _say(text: str) -> None:
    screen.print(text, markup=False, highlight=False, soft_wrap=True)


@app.command("list")
def list_(
    kind: Annotated[str, typer.Argument(help="suites, tasks, models, methods, metrics or imputers.")],
    as_json: AsJson = False,
) -> None:
    """List what there is, with one line each."""
    if kind == "suites":
        known = {file.stem: find(file.stem).summary for file in sorted(SUITES.glob("*.toml"))}
    else:
        known = {name: _registry(kind)[name].summary for name in _registry(kind)}
    _say(json.dumps(known, indent=1)) if as_json else screen.print(tables.listing(kind, known))


def _registry(kind: str) -> Registry[Part]:
    known = {"tasks": tasks, "models": models, "methods": methods, "metrics": metrics, "imputers": imputers}
    if kind not in known:
        raise ValueError(f"there are no {kind!r}: list suites, {', '.join(known)}")
    return known[kind]  # type: ignore[return-value]


@app.command()
def plan(
    suite: SuiteName, method: MethodNames = None, out: Out = None, batch_size: BatchSize = 0, as_json: AsJson = False
) -> None:
    """Show what a run would do: its cells, the impossible ones with their reason, the passes and minutes."""
    chosen = find(suite)
    extra, _ = entrants(method or [])
    cells = make_plan(chosen, extra, batch_size)
    store = Store((out or Path("runs") / chosen.name) / "store")
    stored = [key for cell in cells for key in (cell.key, cell.explanation) if key in store]
    bill = estimate((cell for cell in cells if not cell.reason), stored, batch_size)
    if as_json:
        _say(json.dumps(tables.plan_data(cells, bill), indent=1))
        return
    screen.print(*tables.plan(chosen, cells, bill), sep="\n")


@app.command()
def run(
    suite: SuiteName,
    method: MethodNames = None,
    out: Out = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that work side by side.")] = 1,
    ray: Annotated[str, typer.Option(help="The address of a Ray cluster, or `local`.")] = "",
    timeout: Annotated[float, typer.Option(min=0, help="Seconds that one explanation, or one score, may take.")] = 0.0,
    retry: Annotated[bool, typer.Option("--retry", help="Try failed cells again.")] = False,
    batch_size: BatchSize = 0,
    as_json: AsJson = False,
) -> None:
    """Run what is missing, write the report, and show where the methods stand.

    With --method only that method is run; it is put among the suite's stored baselines.
    """
    how = How(batch_size, workers, ray, timeout, retry)
    folder = out or Path("runs") / find(suite).name
    before = set(Store(folder / "store").damaged())
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        ticket = bar.add_task("planning", total=None)
        results = run_suite(
            suite,
            folder,
            method or (),
            how=how,
            progress=lambda done, total, what: bar.update(ticket, completed=done, total=total, description=what),
        )
    standing = Standing(results)
    page = write_report(results, results.folder / "report", ["html"])
    if as_json:
        _say(json.dumps(tables.board_data(standing), indent=1))
    else:
        screen.print(*tables.boards(standing), sep="\n")
        for name in _names(method or []):
            _say(standing.place(name))
        if results.absent:
            _say(f"without stored results, so not on the board: {', '.join(results.absent)} (run the whole suite once)")
        _say(f"report: {page}")
    damaged = [path for path in results.store.damaged() if path not in before]
    _tell(tables.failures(results) + tables.repairs(damaged))


def _names(asked: list[str]) -> list[str]:
    return [method.name for method in entrants(asked)[0]]


def _tell(lines: list[str]) -> None:
    """Say what went wrong, and leave with status 1 if anything did."""
    for line in lines:
        Console(stderr=True, soft_wrap=True).print(f"heatproof: {line}", markup=False, highlight=False)
    if lines:
        raise typer.Exit(1)


@app.command()
def report(
    folder: Folder,
    kinds: Annotated[str, typer.Option("--format", help=f"Any of {', '.join(FORMATS)}, with commas.")] = "html",
    out: Annotated[Path | None, typer.Option("--out", help="Where to write; by default DIR/report.")] = None,
) -> None:
    """Write the report of a run again."""
    _say(f"report: {write_report(Results.read(folder), out or folder / 'report', kinds.split(','))}")


@app.command()
def compare(folder: Folder, a: str, b: str, as_json: AsJson = False) -> None:
    """Compare two methods, task by task and over all tasks that both could run."""
    comparison = Standing(Results.read(folder)).compare(a, b)
    if as_json:
        _say(json.dumps(tables.comparison_data(comparison), indent=1))
    else:
        screen.print(*tables.comparison(comparison), sep="\n")


@app.command()
def agreement(
    folder: Folder,
    task: Annotated[str | None, typer.Option(help="Only this task; by default each set of samples once.")] = None,
    measure: Annotated[str, typer.Option(help=f"One of {', '.join(MEASURES)}.")] = "kendall",
    k: Annotated[int | None, typer.Option("--k", help="How many units are the top; by default a quarter.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how far the maps of the methods agree with each other, and how far chance would."""
    found = agree(Results.read(folder), task, measure, k=k)
    if as_json:
        _say(json.dumps(tables.agreement_data(found), indent=1))
    else:
        screen.print(*tables.agreements(found), sep="\n")


@app.command()
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
    if as_json:
        _say(json.dumps(tables.check_data(found), indent=1))
    else:
        screen.print(*tables.checks(found), sep="\n")
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
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        ticket = bar.add_task("checking", total=len(named))
        for name, checks in named:
            bar.update(ticket, description=name)
            yield name, [outcome() for _, outcome in checks]
            bar.advance(ticket)


@app.command()
def train(name: Annotated[str, typer.Argument(help="An embedded model (see `heatproof list models`).")]) -> None:
    """Make the weights of an embedded model again from its seed, and write them with their card."""
    recipe = models[name].train
    if recipe is None:
        raise ValueError(f"{name} has no weights to train: it is made when it is loaded")
    _say(json.dumps(dict(recipe(_say)), indent=1, default=str))


@new.command("method")
def new_method(name: str, folder: Annotated[Path, typer.Option("--out", help="Where to write.")] = Path()) -> None:
    """Write the file of a method, and its test."""
    for path in write_method(name, folder):
        _say(f"wrote {path}")


@app.command(hidden=True)
def pack(suite: SuiteName, folder: Folder) -> None:
    """Store a run's records as the baselines that `run --method` compares with."""
    results = Results.read(folder)
    stored = {entry[4]: record for entry in results.manifest["cells"] if (record := results.store.record(entry[4]))}
    write_pack(baselines(find(suite)), stored)
    _say(f"wrote {len(read_pack(baselines(find(suite))))} records to {baselines(find(suite))}")
