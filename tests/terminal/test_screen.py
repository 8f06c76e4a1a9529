"""Tables on screens of several widths: no number is broken, no column is lost, and no text is obeyed."""

import io
import math
import re
from unicodedata import category

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from heatproof.leaderboard._rank_agreement import Measure
from heatproof.leaderboard.agreement import Agreement
from heatproof.leaderboard.compare import Comparison, Paired, ProxyComparison
from heatproof.leaderboard.escape import SHORT
from heatproof.terminal import studies
from heatproof.terminal.screen import Numbers, Screen, bounds, listing, number

HOSTILE = ["\x1b[31mred\x1b]0;t\x07", "\u202egnp", "\x9b2J", "a\rb", "[red]b[/red]", ":smile:"]
WIDTHS = (40, 60, 80, 120)
LONG = "local_approximation[neighbourhood=scaling,loss=gradient_matching,budget=1,low=1.0]"


def printed(*shown: object, width: int, colour: bool = False) -> str:
    file = io.StringIO()
    screen = Screen(file=file, width=width, markup=False, emoji=False, force_terminal=colour)
    screen.print(*shown, sep="\n")
    return file.getvalue()


@st.composite
def tables(draw: st.DrawFn) -> tuple[Numbers, list[str]]:
    columns = draw(st.integers(1, 12))
    cell = st.floats(-1e6, 1e6).map(lambda value: f"{value:.3f}")
    table, cells = Numbers("a title", "names", *(f"h{place}" for place in range(columns))), []
    for name in draw(st.lists(st.sampled_from(["gradient", LONG, "a"]), min_size=1, max_size=6)):
        row = [draw(cell) for _ in range(columns)]
        table.add_row(name, *row)
        cells += row
    return table, cells


@given(tables(), st.sampled_from(WIDTHS))
def test_every_number_is_whole_and_there_once(drawn: tuple[Numbers, list[str]], width: int) -> None:
    table, cells = drawn
    lines = printed(table, width=width).splitlines()
    assert all(len(line) <= width for line in lines)
    shown = re.findall(r"-?\d+\.\d{3}\b", "\n".join(lines))
    assert sorted(shown) == sorted(cells)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_names_stand_beside_each_block(width: int) -> None:
    table = Numbers("", "method", *map(str, range(12)))
    for name in ("gradient", "occlusion"):
        table.add_row(name, *["-0.123"] * 12)
    shown = printed(table, width=width)
    blocks = shown.count("method")
    assert shown.count("gradient") == shown.count("occlusion") == blocks
    assert shown.count("-0.123") == 24
    assert blocks == math.ceil(12 / ((width - len("occlusion")) // 8))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_wide_heading_or_name_takes_no_number_away(width: int) -> None:
    table = Numbers("", "method", "x" * 150, "tier")
    table.add_row(LONG, "[-0.123, 0.456]", "A")
    shown = printed(table, width=width)
    assert "[-0.123, 0.456]" in shown
    assert re.search(r"\bA\b", shown)
    assert "".join(line.split("  ")[0].strip() for line in shown.splitlines()).startswith("method")


def matrix(count: int) -> Agreement:
    """The agreement of methods that never was."""
    names = [f"method_number_{place}" for place in range(count)]
    pairs = [
        {"task": "t", "a": a, "b": b, "agreement": -0.25, "low": -0.5, "high": 0.0, "chance": 0.0, "p": 0.01, "n": 9}
        for place, a in enumerate(names)
        for b in names[place:]
    ]
    alpha = pd.DataFrame(columns=["task", "methods", "level", "alpha", "low", "high", "n"])
    left_out = pd.DataFrame(columns=["task", "method", "reason"])
    return Agreement(Measure("kendall"), 100, 0.95, {"t": ("t",)}, pd.DataFrame(pairs), alpha, left_out)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_matrix_of_agreement(width: int) -> None:
    count = 30
    shown = printed(studies._agreement(matrix(count), "t"), width=width)
    assert shown.count("±0.25") == count * (count - 1) / 2
    assert shown.count("-0.25") == count * (count + 1) / 2
    assert all(len(line) <= width for line in shown.splitlines())
    headings = re.findall(r"^ +(\d+(?: +\d+)*)$", shown, re.MULTILINE)
    assert " ".join(headings).split() == [str(place + 1) for place in range(count)]


def lonely() -> Comparison:
    """The comparison of one task with one sample."""
    one = Paired(0.5, math.nan, math.nan, 1.0, 1)
    row = {"difference": 0.5, "low": math.nan, "high": math.nan, "improvement": 1.0, "n": 1}
    families = pd.DataFrame([{"family": "f", **row}])
    tasks = pd.DataFrame([{"task": "t", "family": "f", **row}])
    return Comparison("a", "b", one, math.nan, "undecided", families, tasks, ())


def proxies() -> ProxyComparison:
    undefined = dict.fromkeys(("difference", "low", "high", "improvement"), math.nan)
    return ProxyComparison(
        "a", "b", pd.DataFrame([{"task": "t", "score": "s", "better": "lower", **undefined, "n": 0}])
    )


@pytest.mark.parametrize("found", [lonely(), proxies()])
def test_a_comparison_without_an_interval_has_a_dash(found: Comparison | ProxyComparison) -> None:
    shown = printed(*studies.comparison(found), width=80)
    assert "–" in shown
    assert "nan" not in shown.lower()


def test_what_is_not_there_is_a_dash() -> None:
    assert number(math.nan) == bounds(math.nan, math.nan) == "–"
    assert number(-0.5, "+.2f") == "-0.50"
    assert bounds(-0.5, 1) == "[-0.500, 1.000]"


@pytest.mark.parametrize("width", WIDTHS)
def test_a_list_keeps_both_columns(width: int) -> None:
    shown = printed(listing("tasks", {LONG: "one two three", "b": "x" * 10**6}), width=width)
    assert {"one", "two", "three"} <= set(shown.split())
    assert shown.count("x") <= SHORT
    assert len(shown.splitlines()) < 60


@given(st.text() | st.sampled_from(HOSTILE))
def test_no_text_is_obeyed(text: str) -> None:
    table = Numbers(text, text, "n")
    table.add_row(text, "1.5")
    table.add_row(Text(text), "2.5")
    shown = printed(text, table, Text(text), width=80)
    assert not [sign for sign in shown if sign != "\n" and category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    if text in ("[red]b[/red]", ":smile:"):
        assert shown.count(text) == 6


def test_colours_are_still_colours() -> None:
    assert "\x1b[31m" in printed(Text("\x1b[32mred", style="red"), width=80, colour=True)
    assert "\x1b[32m" not in printed(Text("\x1b[32mred", style="red"), width=80, colour=True)
