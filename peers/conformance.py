"""The kit, put to the metrics of other libraries, and the page that says what came out."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from ..benchmark import Better, UnknownName
from ..benchmark.checks import Check, NamedCheck, metric_checks
from ..benchmark.checks.oracles import holder
from ._adapter import Peer

Outcomes = Sequence[tuple[Peer, Sequence[Check]]]


def peer_checks(peer: Peer) -> list[NamedCheck]:
    """Return what a peer is put through: the contract, and our oracles where it means to compute what ours does."""
    checks = metric_checks(peer, peer.like if peer.same else "")
    true = holder(peer.like).directions[peer.like] if peer.same else peer.means
    return [("direction", lambda: _direction(peer, true)), *checks] if peer.declared and true else checks


def _direction(peer: Peer, true: Better) -> Check:
    """The direction of better that the library declares is the one in which its values get better."""
    said = f"it declares that {peer.declared} is better; {true} is"
    return Check("direction", peer.declared == true, "" if peer.declared == true else said)


def page(found: Outcomes) -> str:
    """Return the outcomes as a Markdown page."""
    libraries = [list(group) for _, group in groupby(found, key=lambda outcome: outcome[0].library)]
    return "\n\n".join([HEAD, *map(_library, libraries)]) + "\n"


HEAD = """# Other libraries in our kit

Every metric of ours passes a contract (batches, batch mates, order, scale, ties, degenerate maps, random state, …) and
oracles, cases whose score is known in closed form or by brute force. Here the same checks are put to the metrics of
other libraries, as they are installed. Made by `make peers`; anybody can make it again.

How to read it: *passed*, *failed* and *not put* count checks. A metric that follows another definition than ours, which
is its right, is not put to our oracles; the note says how it differs. A check is not put, either, where the metric has
no such setting or the question does not arise. What was done to ask the same question is in the notes: same network,
same maps, same baseline; with the library's own defaults otherwise, in batches of 8. A failed check is no verdict on a
library: some follow from what it set out to do (a library that normalises maps over a batch, say, fails *alone*)."""


COLUMNS = ("| theirs | our score | passed | failed | not put | what fails |", f"|{' --- |' * 6}")


def _library(found: Outcomes) -> str:
    rows = [_row(peer, checks) for peer, checks in found]
    notes = [f"- `{peer.theirs}`: {peer.note}" for peer, _ in found if peer.note]
    put = [[check.passed for check in checks if not check.skipped] for _, checks in found]
    clean = sum(bool(passed) and all(passed) for passed in put)
    title = f"## {found[0][0].library} {found[0][0].version}"
    summary = f"{clean} of {len(found)} metrics pass every check put to them."
    return "\n\n".join([title, summary, "\n".join([*COLUMNS, *rows]), "Notes:", "\n".join(notes)])


MOST = 4
"""So many different failures are shown."""


def _row(peer: Peer, checks: Sequence[Check]) -> str:
    skipped = sum(check.skipped for check in checks)
    failed = [check for check in checks if not check.passed]
    ours = f"`{peer.like}`" if peer.same else "—"
    cells = f"`{peer.theirs}`", ours, len(checks) - skipped - len(failed), len(failed), skipped, _failures(failed)
    return f"| {' | '.join(map(str, cells))} |"


def _failures(failed: Sequence[Check]) -> str:
    """Name the failed checks, those that break in the same way together, each with the first of its reasons."""
    groups: dict[str, tuple[dict[str, None], str]] = {}
    for check in failed:
        names, _ = groups.setdefault(re.sub(r"[\d.]+", "", check.reason), ({}, _short(check.reason)))
        names[check.name.partition("[")[0]] = None
    said = [f"*{', '.join(names)}*: {reason}" for names, reason in groups.values()]
    more = [f"and {len(said) - MOST} more"] if len(said) > MOST else []
    return "; ".join(said[:MOST] + more)


def _short(reason: str, length: int = 110) -> str:
    line = " ".join(reason.replace("|", "/").split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def named_peers(peers: Sequence[Peer], names: Sequence[str]) -> Iterator[Peer]:
    """Return the peers of these names, theirs or ours; all where none is named."""
    for name in names:
        if not any(_is(peer, name) for peer in peers):
            known = ", ".join(peer.theirs for peer in peers)
            raise UnknownName(f"{peers[0].library} has no {name!r} here; there are {known}")
    yield from (peer for peer in peers if not names or any(_is(peer, name) for name in names))


def _is(peer: Peer, name: str) -> bool:
    return name in (peer.theirs, peer.theirs.rpartition(".")[2], peer.name, peer.like)
