"""The time of metrics of ours and of quantus for the same maps of the same model, metric by metric and together.

Run as `python tests/speed/against_quantus.py [REPEATS] [MAPS] [NAME]…` where quantus is installed. One process, one
thread; ours and theirs take turns, so that whatever else the machine does falls on both; seconds are those of the
processor. Both ask through the same gate, with the settings that the peers have, and in their own largest batches. What
explains again does so with `gradient`. Prints a Markdown table: ours gives all scores of a metric from the same passes,
and is counted once for them below it; passes that are the same for all maps are made once. Metrics with another
definition than ours have other amounts of work; those that ask the same are summed on their own.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Metric, Refused, Truth, grid_units, methods, metrics, models
from heatproof.benchmark.game import Memory
from heatproof.benchmark.harness import Asked, explain, score
from heatproof.benchmark.memory import keep_memory
from heatproof.peers import Peer, find
from heatproof.peers.quantus import _call

SAMPLES, SIDE, PATCH = 16, 64, 8
THEIRS = 64
"""The batch size of quantus, unless told otherwise: the checks tell it a smaller one."""
EXPLAINED = Asked(methods["gradient"], {})
COLUMNS = ("| quantus | ours | ours, s | theirs, s | theirs / ours | passes ours | passes theirs |", f"|{' --- |' * 7}")


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one metric: the processor's seconds, or the first line of what it broke with, and its passes."""

    seconds: float = float("nan")
    passes: int = 0
    error: str = ""


def question() -> tuple[Gate, Batch]:
    """Return the network, and pictures with a grid of 64 units of which the upper half is true."""
    coarse = torch.rand(SAMPLES, 3, PATCH, PATCH, generator=torch.Generator().manual_seed(1))
    x = nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bilinear")
    units = grid_units(x, PATCH)
    relevant = (torch.arange((SIDE // PATCH) ** 2) < (SIDE // PATCH) ** 2 // 2).expand(SAMPLES, -1)
    truth = Truth(units, relevant, ~relevant)
    gate = Gate(models["creatures_resnet"].function())
    target = gate.logits(x).argmax(1)
    return gate, Batch(tuple(map(str, range(SAMPLES))), x, target, units, torch.zeros_like(x), truth)


def timed(part: Metric, gate: Gate, batch: Batch, maps: Sequence[Tensor]) -> Work:
    """Return what a metric takes for several maps of the same pictures."""
    # What theirs asks never goes through a game, so that nothing of it is remembered.
    memory, start, passes = Memory(), time.process_time(), 0
    try:
        for each in maps:
            passes += score(Asked(part, {}), gate, batch, each, EXPLAINED, memory)[1].forward
        passes -= memory.passes
    except Exception as error:  # noqa: BLE001 - whatever a peer breaks with goes into the table
        said = str(error).partition("\n")[0]
        return Work(error=said if isinstance(error, Refused) else f"{type(error).__name__}: {said}")
    return Work(time.process_time() - start, passes)


def typical(rounds: Sequence[Work]) -> Work:
    """Return the median of several rounds."""
    return Work(median(each.seconds for each in rounds), rounds[0].passes, rounds[0].error)


def measured(peers: Sequence[Peer], repeats: int, count: int) -> Iterator[tuple[Peer, Work, Work]]:
    """Yield each peer with what ours and theirs take, in turns."""
    gate, batch = question()
    noise = torch.Generator().manual_seed(3)
    first = explain(EXPLAINED, gate, batch)[0]
    maps = [first, *(torch.randn(first.shape, generator=noise, dtype=torch.float64) for _ in range(count - 1))]
    for peer in peers:
        works: tuple[Metric, Metric] = metrics[peer.of], peer
        for part in works:
            timed(part, gate, batch, maps[:1])
        rounds = [[timed(part, gate, batch, maps) for part in works] for _ in range(repeats)]
        ours, theirs = (typical(column) for column in zip(*rounds, strict=True))
        yield peer, ours, theirs


def row(peer: Peer, ours: Work, theirs: Work) -> str:
    """Return the line of a peer."""
    times = f"{theirs.seconds:.3f} | {theirs.seconds / ours.seconds:.1f}" if not theirs.error else f"{theirs.error} | —"
    mine = f"{ours.seconds:.3f}" if not ours.error else ours.error
    name = f"`{peer.theirs.partition('.')[2]}`"
    return f"| {name} | `{peer.of}`: {peer.like} | {mine} | {times} | {ours.passes} | {theirs.passes} |"


def total(found: Sequence[tuple[Peer, Work, Work]], what: str) -> str:
    """Return the line of all that did not break: ours makes the passes of each metric once for all of its scores."""
    whole = [each for each in found if not each[1].error and not each[2].error]
    once = {peer.of: ours for peer, ours, _ in whole}
    mine, passes = sum(each.seconds for each in once.values()), sum(each.passes for each in once.values())
    others, asked = sum(theirs.seconds for *_, theirs in whole), sum(theirs.passes for *_, theirs in whole)
    label = f"| {len(whole)} {what} | {len(once)} metrics |"
    return f"{label} {mine:.3f} | {others:.3f} | {others / mine:.1f} | {passes} | {asked} |"


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(repeats: int, maps: int, names: Sequence[str]) -> None:
    """Measure, and write the table."""
    keep_memory()
    torch.set_num_threads(1)
    _call.BATCH = THEIRS
    known = [peer for peer in find("quantus") if peer.of in metrics]
    chosen = [peer for peer in known if not names or {peer.like, peer.theirs} & set(names)]
    found = []
    for line in COLUMNS:
        say(line)
    for each in measured(chosen, repeats, maps):
        found.append(each)
        say(row(*each))
    say(total([each for each in found if each[0].same], "that ask the same"))
    say(total(found, "that work"))
    where = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    what = f"{maps} maps of {SAMPLES} pictures of {SIDE} x {SIDE}, creatures_resnet"
    say(f"\n{what}, one thread, median of {repeats} rounds; {where}")


if __name__ == "__main__":
    numbers, chosen = [int(word) for word in sys.argv[1:3]], sys.argv[3:]
    main(*(numbers + [3, 4][len(numbers) :]), chosen)
