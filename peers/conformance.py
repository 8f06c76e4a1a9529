"""The kit, put to the metrics of other libraries, and the page that says what came out."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from hashlib import sha256
from importlib.metadata import version
from itertools import groupby

from ..benchmark import Better, UnknownName
from ..benchmark.checks import Check, NamedCheck
from ..benchmark.checks.metric_checks import contract
from ..benchmark.checks.oracles import holder, oracles_of, proofs
from ._adapter import Peer, version_of

Outcomes = Sequence[tuple[Peer, Sequence[Check]]]
BESIDE = ("numpy", "torch")
"""Other libraries that the outcomes depend on; the page names their versions."""


def peer_checks(peer: Peer) -> list[NamedCheck]:
    """Return what a peer is put through: the contract, and our oracles where it means to compute what ours does.

    Oracles hold maps of very different sizes: libraries that normalise over a batch are asked about one at a time.
    """
    checks = [*contract(peer), *(proofs(peer, peer.like, by_scale=True) if peer.same else [])]
    true = holder(peer.like).directions[peer.like] if peer.same else peer.means
    return [("direction", lambda: _direction(peer, true)), *checks] if peer.declared and true else checks


def _direction(peer: Peer, true: Better) -> Check:
    """The direction of better that the library declares is the one in which its values get better."""
    said = f"it declares {peer.declared} to be better, and its values are better when {true}"
    return Check("direction", peer.declared == true, "" if peer.declared == true else said)


def counts(checks: Iterable[Check]) -> tuple[int, int, int, int]:
    """Return how many checks passed, failed on a number, failed on a habit, and were not put."""
    found = Counter(_kind(check) for check in checks)
    return found["passed"], found["number"], found["habit"], found["not put"]


def _kind(check: Check) -> str:
    if check.skipped:
        return "not put"
    if check.passed:
        return "passed"
    return "habit" if check.habit else "number"


def kit(scores: Iterable[str]) -> str:
    """Return a fingerprint of what is asked: the checks of the contract, and the oracles of scores of ours."""
    proven = [name for score in sorted(set(scores)) for name in _oracles(score)]
    asked = [name for name, _ in contract(holder("entropy"))]
    return sha256("\n".join([*asked, *proven]).encode()).hexdigest()[:12]


def _oracles(score: str) -> list[str]:
    known = oracles_of(holder(score).name, score)
    return [f"{score} {each.name} {each.habit} {each.tolerance}" for each in known]


def installed(library: str) -> dict[str, str]:
    """Return the versions that the outcomes of a library's metrics depend on."""
    return {name: version(name).partition("+")[0] for name in BESIDE} | {library: version_of(library)}


def page(found: Outcomes) -> str:
    """Return the outcomes as a Markdown page."""
    libraries = [list(group) for _, group in groupby(found, key=lambda outcome: outcome[0].library)]
    scores = {peer.like for peer, _ in found if peer.same}
    return "\n\n".join([HEAD.format(kit=kit(scores)), *map(_library, libraries)]) + "\n"


HEAD = """# Other libraries in our kit

Every metric of ours passes a contract (batches, batch mates, order, scale, ties, degenerate maps, random state, …) and
oracles, cases whose score is known in closed form or by brute force. Here the same checks are put to the metrics of
other libraries, as they are installed. Made by `make peers`; anybody can make it again. Each library is a fine piece of
work that we learn from, and a failed check is no verdict on it.

**Is something here wrong or out of date?** Each table names its versions and its day. Please open an issue in this
repository, or change the adapter (one function a row, in `peers/`) in a pull request: rows are measured anew with each
release. What we believe to be a defect is in [upstream.md](upstream.md), as code that needs the library alone.

How to read it. Checks are counted, and of each way to fail the first reason is shown.

- *wrong numbers*: no number, or another than the definition gives in closed form; one that changes with the batch, the
  order of samples, the precision or the size of a map; one that does not put the truth before noise and noise before
  the truth's opposite; a direction of better that is not the values' own.
- *other habits*: conventions of ours that nobody else has agreed to. Ties are ordered by chance, and a map counts as
  constant if it is but for rounding; what is undefined is NaN, never another number or an error; a map that is not
  finite has no score; the global random state is neither drawn from nor changed, for which all metrics are called with
  it set to the same seed.
- *not put*: the question does not arise, the metric has no such setting, it gives no score there at all (which counts
  once, as *scores*), or it follows another definition than ours, as is its right, and so is not put to our oracles.

A score of ours that does not tell the truth from its opposite by itself declares to be *descriptive* and is not asked
to; so is the same score of another library, or one that compares samples with each other. Oracles with maps of
different sizes are put one size at a time, because a library may normalise over a batch. What was done to ask the same
question is in the notes: same network, same maps, same baseline; the library's defaults otherwise, in batches of 8.

Kit `{kit}`."""


COLUMNS = ("| theirs | our score | passed | wrong numbers | other habits | not put |", f"|{' --- |' * 6}")


def _library(found: Outcomes) -> str:
    library = found[0][0].library
    versions = ", ".join(f"{name} {number}" for name, number in reversed(installed(library).items()))
    often = Counter(peer.theirs for peer, _ in found)
    rows = [_row(peer, checks, often[peer.theirs] > 1) for peer, checks in found]
    notes = dict.fromkeys(f"- `{peer.theirs}`: {peer.note}" for peer, _ in found if peer.note)
    return "\n\n".join(
        [
            f"## {library} {found[0][0].version}",
            f"Measured on {date.today().isoformat()} with {versions}.",
            _summary(found, len(often)),
            "\n".join([*COLUMNS, *rows]),
            "Notes:",
            "\n".join(notes),
        ]
    )


def _summary(found: Outcomes, metrics: int) -> str:
    tried = [counts(checks) for _, checks in found if any(not check.skipped for check in checks)]
    right = [each for each in tried if each[1] == 0]
    settings = f", in {len(found)} settings" if len(found) > metrics else ""
    every = sum(each[2] == 0 for each in right)
    return f"{metrics} metrics{settings}: {len(right)} show no wrong number, {every} of these no other habit either."


def _row(peer: Peer, checks: Sequence[Check], several: bool) -> str:
    theirs = f"`{peer.theirs}` ({peer.function.__name__})" if several else f"`{peer.theirs}`"
    passed, _, _, skipped = counts(checks)
    failed = (_failures([check for check in checks if _kind(check) == kind]) for kind in ("number", "habit"))
    return f"| {' | '.join([theirs, f'`{peer.like}`' if peer.same else '—', str(passed), *failed, str(skipped)])} |"


MOST = 4
"""So many different failures are shown."""


def _failures(failed: Sequence[Check]) -> str:
    """Count and name the failed checks, those that break in the same way together, with the first of their reasons."""
    groups: dict[str, tuple[dict[str, None], str]] = {}
    for check in failed:
        names, _ = groups.setdefault(re.sub(r"[\d.]+", "", check.reason), ({}, _short(check.reason)))
        names[check.name.partition("[")[0]] = None
    said = [f"*{', '.join(names)}*: {reason}" for names, reason in groups.values()]
    more = [f"and {len(said) - MOST} more"] if len(said) > MOST else []
    return f"{len(failed)} {'; '.join(said[:MOST] + more)}".rstrip()


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
