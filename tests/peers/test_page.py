"""docs/peers.md says what comes out of the kit that there is, with the versions that it names."""

import re
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pytest

from heatproof import peers
from heatproof.peers import conformance

PAGE = (Path(__file__).parents[2] / "docs" / "peers.md").read_text(encoding="utf-8")
LIBRARIES = [name for name in peers.LIBRARIES if find_spec(name) is not None]
SECTIONS = {part.partition(" ")[0]: part for part in PAGE.split("\n## ")[1:]}
AGAIN = "run `make peers`"


def rows(library: str) -> list[list[str]]:
    """Return the cells of a library's table."""
    return [line.strip("| ").split(" | ") for line in SECTIONS[library].splitlines() if line.startswith("| `")]


def found() -> list[tuple[peers.Peer, list[str]]]:
    """Return each metric of the libraries that are here, with its row."""
    return [each for name in LIBRARIES for each in zip(peers.find(name), rows(name), strict=True)]


FOUND = found()


def test_the_page_is_of_this_kit() -> None:
    """A check or an oracle that came, went or changed its name makes the page stale."""
    ours = {cells[1].strip("`") for name in SECTIONS for cells in rows(name)} - {"—"}
    assert f"Kit `{conformance.kit(ours)}`." in PAGE, AGAIN


@pytest.mark.parametrize("library", peers.LIBRARIES)
def test_a_table_says_what_it_was_measured_with_and_when(library: str) -> None:
    said = re.search(r"Measured on (\S+) with (\S+) [\d.]+, torch [\d.]+, numpy [\d.]+\.\n", SECTIONS[library])
    assert said is not None
    assert said[2] == library
    assert date.fromisoformat(said[1]) >= date(2026, 11, 29)


@pytest.mark.parametrize(("peer", "cells"), [pytest.param(*each, id=each[0].name) for each in FOUND])
def test_a_row_counts_what_comes_out(peer: peers.Peer, cells: list[str]) -> None:
    here = conformance.installed(peer.library)
    if not all(
        re.search(rf"\b{name} {re.escape(number)}[,.\n]", SECTIONS[peer.library]) for name, number in here.items()
    ):
        pytest.skip(f"the page was measured with other versions than {here}: {AGAIN}")
    name, like = cells[0].split("`")[1], f"`{peer.like}`" if peer.same else "—"
    assert (name, like) == (peer.theirs, cells[1])
    said = tuple(int(cell.split()[0]) for cell in cells[2:])
    assert conformance.counts([check() for _, check in conformance.peer_checks(peer)]) == said, AGAIN
