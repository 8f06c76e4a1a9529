"""The screen: what is printed for people, and what for scripts."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import pandas as pd
import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

Data = dict[str, Any]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a script to read.")]
Folder = Annotated[Path, typer.Argument(help="The directory of a run.", metavar="DIR")]

screen = Console(markup=False)
notes = Console(stderr=True, soft_wrap=True, markup=False)


def say(text: str) -> None:
    """Print a line."""
    screen.print(text, highlight=False, soft_wrap=True)


def tell(line: str) -> None:
    """Print a line on standard error."""
    notes.print(f"heatproof: {line}", highlight=False)


def show(as_json: bool, data: object, tables: Iterable[RenderableType]) -> None:
    """Print data for a script, or tables for people."""
    say(json.dumps(data, indent=1)) if as_json else screen.print(*tables, sep="\n")


class Report(Protocol):
    """What long work calls on its way."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Say how far it got, and what comes next."""
        ...


@contextmanager
def progress(first: str) -> Iterator[Report]:
    """Show how far long work got, and how much time is left."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        ticket = bar.add_task(first, total=None)
        yield lambda done, total, what: bar.update(ticket, completed=done, total=total, description=what)


def table_of(title: str, *columns: str) -> Table:
    """Return a table whose first column holds names and whose others hold numbers."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", overflow="fold")
    return table


def records(table: pd.DataFrame) -> list[Data]:
    """Return the rows of a table as plain data; what is missing is None."""
    plain = table.astype(object).where(table.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]
