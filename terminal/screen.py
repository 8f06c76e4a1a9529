"""The screen: what is printed for people, and what for scripts."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

from ..leaderboard.escape import SHORT, cut, plain, seen

NONE = "–"
Data = dict[str, Any]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a script to read.")]
Folder = Annotated[Path, typer.Argument(help="The directory of a run.", metavar="DIR")]

GAP = 2
INTERRUPTED = 130
"""The exit status of a command that Ctrl-C has ended, as shells count."""


class Screen(Console):
    """A console that shows text and obeys none: a sign stands for each character that cannot be seen."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Render; all that is printed comes through here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(seen(segment.text), segment.style)


screen = Screen(markup=False, emoji=False)
notes = Screen(stderr=True, soft_wrap=True, markup=False, emoji=False)


def say(text: str) -> None:
    """Print a line."""
    screen.print(text, highlight=False, soft_wrap=True)


def tell(line: str) -> None:
    """Print a line on standard error."""
    notes.print(f"heatproof: {line}", highlight=False)


def show(as_json: bool, data: object, tables: Iterable[RenderableType]) -> None:
    """Print data for a script, or tables for people."""
    if as_json:
        typer.echo(json.dumps(plain(data, str), indent=1, allow_nan=False))
    else:
        screen.print(*tables, sep="\n")


class Report(Protocol):
    """A function that long work calls on its way."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Say how far it got, and what comes next."""
        ...


@contextmanager
def progress(first: str) -> Iterator[Report]:
    """Show how far long work got, and how much time is left; Ctrl-C ends the command with one line."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Screen(stderr=True, emoji=False)
    try:
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
            ticket = bar.add_task(first, total=None)
            yield lambda done, total, what: bar.update(ticket, completed=done, total=total, description=what)
    except KeyboardInterrupt as stop:
        tell(str(stop) or "interrupted")
        raise typer.Exit(INTERRUPTED) from stop


class Numbers:
    """A table whose first column holds names and whose others hold numbers.

    No number is ever broken: the columns that do not fit the screen follow below, beside the names again.
    """

    def __init__(self, title: str, *columns: str) -> None:
        self.title = title
        self.columns = columns
        self.rows: list[tuple[list[Text], str]] = []

    def add_row(self, *cells: str | Text, style: str = "") -> None:
        """Add a name and its numbers."""
        self.rows.append(([_short(cell) for cell in cells], style))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the title, and a table for each block of columns."""
        first, *rest = map(self._longest, range(len(self.columns)))
        whole = sum(rest) + GAP * len(rest)
        first = min(first, max(options.max_width // 3, options.max_width - whole))
        widths = [min(width, options.max_width - first - GAP) for width in rest]
        if self.title:
            yield Text(self.title, style="italic")
        for block in _blocks(widths, options.max_width - first):
            yield self._table(first, {place + 1: widths[place] for place in block})

    def _longest(self, place: int) -> int:
        return max(cell_len(self.columns[place]), *(row[place].cell_len for row, _ in self.rows), 1)

    def _table(self, first: int, widths: Mapping[int, int]) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        table.add_column(Text(self.columns[0]), width=first, overflow="fold")
        for place, width in widths.items():
            table.add_column(Text(self.columns[place]), width=width, overflow="fold", justify="right")
        for cells, style in self.rows:
            table.add_row(cells[0], *(cells[place] for place in widths), style=style)
        return table


def _blocks(widths: Sequence[int], room: int) -> list[list[int]]:
    """Deal out columns of these widths, each with a gap before it, to as few blocks as have room for them."""
    blocks: list[list[int]] = [[]]
    for place, width in enumerate(widths):
        if blocks[-1] and sum(widths[other] + GAP for other in blocks[-1]) + width + GAP > room:
            blocks.append([])
        blocks[-1].append(place)
    return blocks


def _short(cell: str | Text) -> Text:
    text = cell if isinstance(cell, Text) else Text(cell)
    return text if len(text) <= SHORT else Text(cut(text.plain), style=text.style)


def number(value: float, form: str = ".3f") -> str:
    """Write a number; a dash where there is none."""
    return NONE if math.isnan(value) else f"{value:{form}}"


def bounds(low: float, high: float, form: str = ".3f") -> str:
    """Write an interval; a dash where there is none."""
    return NONE if math.isnan(low) else f"[{number(low, form)}, {number(high, form)}]"


def listing(kind: str, known: Mapping[str, str]) -> Table:
    """Show names with one line each."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(kind, overflow="fold")
    table.add_column("")
    for name, summary in known.items():
        table.add_row(Text(name), Text(cut(summary)))
    return table


def records(table: "pd.DataFrame") -> list[Data]:
    """Return the rows of a table as plain data; what is missing is None."""
    plain = table.astype(object).where(table.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]
