"""The command line.

Each command imports what it needs when it is run: to list names and to show help must not take seconds.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from .leaderboard.report import FORMATS, check_formats, write_report
from .terminal import catalogue, verbs
from .terminal.screen import AsJson, Folder, listing, progress, say, show, tell

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
new = typer.Typer(no_args_is_help=True, help="Write the file of a new part.")
app.add_typer(new, name="new")

SuiteName = Annotated[str, typer.Argument(help="A shipped suite (see `heatproof list suites`), or a .toml file.")]
MethodNames = Annotated[
    list[str] | None, typer.Option("--method", help="Only this method, by name or as a file; may be repeated.")
]
Out = Annotated[Path | None, typer.Option("--out", help="The run's directory; by default runs/SUITE.")]
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
    """The display of errors."""

    traceback = False


def main() -> None:
    """Run the command line; what a user did wrong becomes one line on standard error, and exit status 2."""
    try:
        app()
    except OSError as error:
        _stop(f"{error.strerror}: {error.filename or 'the run directory'}; what was finished is kept")
    except (ValueError, KeyError, TypeError, ModuleNotFoundError) as error:
        _stop(str(error))
    except Exception as error:
        from .benchmark import Refused

        if not isinstance(error, Refused):
            raise
        _stop(str(error))


def _stop(message: str, status: int = 2) -> None:
    if Fault.traceback:
        raise
    tell(message)
    sys.exit(status)


@app.command("list")
def list_(
    kind: Annotated[str, typer.Argument(help="suites, tasks, models, methods, metrics, imputers or dividers.")],
    as_json: AsJson = False,
) -> None:
    """List what there is, with one line each."""
    known = catalogue.listing(kind)
    show(as_json, known, [listing(kind, known)])


@app.command()
def plan(
    suite: SuiteName, method: MethodNames = None, out: Out = None, batch_size: BatchSize = 0, as_json: AsJson = False
) -> None:
    """Show what a run would do: its cells, the impossible ones with their reason, the passes and minutes."""
    from .api import baselines, entrants
    from .api import suite as find
    from .benchmark.admission import admissions
    from .benchmark.estimate import estimate
    from .benchmark.pack import read_pack
    from .benchmark.plan import asked_for
    from .benchmark.plan import plan as make_plan
    from .benchmark.store import Store
    from .leaderboard.board import refuse_unrankable
    from .terminal import suites as tables

    chosen = find(suite)
    refuse_unrankable(chosen)
    extra, _ = entrants(method or [])
    cells = make_plan(chosen, extra, batch_size)
    store = Store((out or Path("runs") / chosen.name) / "store")
    stored = [key for cell in cells for key in (cell.key, cell.explanation) if key in store]
    shipped = read_pack(baselines(chosen))
    with progress("trying the parts"):
        bill = estimate(asked_for(chosen, cells, extra), (*stored, *(shipped if extra else ())), batch_size)
    checks = admissions(chosen, store, shipped)
    show(as_json, tables.plan_data(cells, bill, checks), tables.plan(chosen, cells, bill, checks))


@app.command()
def run(
    suite: SuiteName,
    method: MethodNames = None,
    out: Out = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that work side by side.")] = 1,
    ray: Annotated[str, typer.Option(help="The address of a Ray cluster, or `local`.")] = "",
    timeout: Annotated[float, typer.Option(min=0, help="Seconds that one explanation, or one score, may take.")] = 0.0,
    retry: Annotated[bool, typer.Option("--retry", help="Try failed cells again.")] = False,
    verified: Annotated[
        bool, typer.Option("--verified", help="Draw the samples' seed now; methods work apart.")
    ] = False,
    networks: Annotated[bool, typer.Option("--networks", help="Verified, and networks get new codes, too.")] = False,
    seed: Annotated[str, typer.Option(help="Repeat the verified run of this seed, as its run.json has it.")] = "",
    batch_size: BatchSize = 0,
    as_json: AsJson = False,
) -> None:
    """Run what is missing, write the report, and show where the methods stand.

    With --method only that method is run; it is put among the suite's stored baselines. With --verified all are run, on
    samples that nobody can have looked up; see docs/trust.md.
    """
    from .api import default_folder, entrants
    from .api import run as run_suite
    from .api import suite as find
    from .benchmark.run import How
    from .benchmark.store import Store
    from .leaderboard.board import Standing, refuse_unrankable
    from .terminal import suites as tables

    check_formats(["html"])
    how = How(batch_size, workers, ray, timeout, retry)
    refuse_unrankable(chosen := find(suite))
    folder = out or default_folder(chosen, verified=verified or networks or bool(seed))
    before = set(Store(folder / "store").damaged())
    with progress("planning") as tick:
        results = run_suite(
            suite, folder, method or (), how=how, progress=tick, verified=verified, seed=seed, networks=networks
        )
    standing = Standing(results)
    page = write_report(results, results.folder / "report", ["html"])
    show(as_json, tables.board_data(standing), tables.boards(standing))
    if not as_json:
        for entrant in entrants(method or [])[0]:
            say(standing.place(entrant.name))
        if lacking := list(dict.fromkeys((*results.absent, *results.unfinished))):
            say(f"results are missing, so not on the board: {', '.join(lacking)} (run the suite, or them by --method)")
        for line in tables.unfollowed(results):
            say(line)
        say(f"report: {page}")
    damaged = [path for path in results.store.damaged() if path not in before]
    _tell(tables.failures(results) + tables.repairs(damaged))


def _tell(lines: list[str]) -> None:
    """Say what went wrong, and leave with status 1 if anything did."""
    for line in lines:
        tell(line)
    if lines:
        raise typer.Exit(1)


@app.command()
def report(
    folder: Folder,
    kinds: Annotated[str, typer.Option("--format", help=f"Any of {', '.join(FORMATS)}, with commas.")] = "html",
    out: Annotated[Path | None, typer.Option("--out", help="Where to write; by default DIR/report.")] = None,
) -> None:
    """Write the report of a run again."""
    from .benchmark.results import Results

    say(f"report: {write_report(Results.read(folder), out or folder / 'report', kinds.split(','))}")


for verb in (verbs.compare, verbs.agreement, verbs.panel, verbs.check):
    app.command()(verb)


@app.command()
def train(name: Annotated[str, typer.Argument(help="An embedded model (see `heatproof list models`).")]) -> None:
    """Make the weights of an embedded model again from its seed, and write them with their card."""
    from .benchmark import models

    recipe = models[name].train
    if recipe is None:
        made = "they are yours" if models[name].files else "it is made when it is loaded"
        raise ValueError(f"{name} has no weights to train: {made}")
    say(json.dumps(dict(recipe(say)), indent=1, default=str))


@new.command("method")
def new_method(name: str, folder: Annotated[Path, typer.Option("--out", help="Where to write.")] = Path()) -> None:
    """Write the file of a method, and its test."""
    from .scaffold import write_method

    for path in write_method(name, folder):
        say(f"wrote {path}")


@app.command(hidden=True)
def pack(suite: SuiteName, folder: Folder) -> None:
    """Store a run's records as the baselines that `run --method` compares with."""
    from .api import baselines
    from .api import suite as find
    from .benchmark.pack import read_pack, write_pack
    from .benchmark.results import Results

    results = Results.read(folder)
    keys = [*(entry[4] for entry in results.manifest["cells"]), *results.manifest.get("admission", {}).values()]
    stored = {key: record for key, record in results.store.records(keys).items() if record}
    write_pack(baselines(find(suite)), stored)
    say(f"wrote {len(read_pack(baselines(find(suite))))} records to {baselines(find(suite))}")
