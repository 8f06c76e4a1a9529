"""The cost of a plan: its passes in closed form, its time by trials of the networks, the methods and the metrics."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import torch

from .data import Batch
from .dependencies import PACKAGE
from .errors import Refused
from .gate import NUMBERS
from .harness import Asked, explain, score
from .plan import Cell
from .question import Task
from .splits import SPLIT
from .units import unit_count

FULL = 1024
"""The most inputs of a pass that a model's time is measured with: parts ask about many at once where they are small."""
BRIEF = 0.05
"""Seconds of passes per sample from which on they are all that counts; below, the part's own work is tried."""
FEW = 4
"""The samples that are made for trials."""
STORING = 0.006
"""Seconds that it takes to hand out a piece of work and to write down what comes of it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimated cost of a plan."""

    forward: int
    backward: int
    seconds: float
    unknown: tuple[str, ...]
    """Parts that do not say what they cost, and tasks that cannot be measured."""


@dataclass(frozen=True, slots=True)
class _Work:
    """An explanation, or the scores of one by a metric."""

    task: Task
    size: int
    method: Asked
    metric: Asked | None = None

    @property
    def asked(self) -> Asked:
        return self.metric or self.method


def estimate(cells: Iterable[Cell], stored: Iterable[str] = (), batch_size: int = 0) -> Estimate:
    """Estimate the passes of the cells that are not stored, and the time that they take on this machine.

    The passes are those that the parts declare. A pass takes as long as one of many in the same network; where a
    sample's passes are brief, a shipped part is tried on a sample or a few instead, and so its own work counts.
    """
    forward = backward = 0
    seconds, unknown, seen = 0.0, set[str](), set[str]()
    for work in _works(cells, frozenset(stored)):
        if (measured := _measured(work.task, batch_size)) is None:
            unknown.add(work.task.name)
            continue
        if work.task.name not in seen:
            seen.add(work.task.name)
            seconds += work.size * measured.making
        seconds += STORING
        # A metric that lets the method explain again is counted as one more explanation.
        again = work.metric is not None and "explain" in work.metric.part.needs
        for each in (work, replace(work, metric=None)) if again else (work,):
            bill = each.asked.passes(measured.units)
            if bill is None and each.asked.part.capability is not None:
                unknown.add(each.asked.part.name)
            f, b = bill or (0, 0)
            forward, backward = forward + work.size * f, backward + work.size * b
            passing = max(f - b, 0) * measured.forward + b * measured.both
            seconds += _taken(each, passing, batch_size)
    return Estimate(forward, backward, seconds, tuple(sorted(unknown)))


def _works(cells: Iterable[Cell], stored: frozenset[str]) -> Iterator[_Work]:
    """Name each piece of work once, however many cells share it."""
    seen = set(stored)
    for cell in cells:
        if cell.reason or cell.key in seen:
            continue
        for key, metric in ((cell.explanation, None), (cell.key, cell.metric)):
            if key not in seen:
                seen.add(key)
                yield _Work(cell.task, cell.size, cell.method, metric)


def _taken(work: _Work, passing: float, batch_size: int) -> float:
    """Return the seconds of a piece of work whose passes take `passing` per sample."""
    shipped = work.asked.part.function.__module__.startswith(f"{PACKAGE}.")
    if passing >= BRIEF or not shipped or "explain" in work.asked.part.needs:
        return work.size * passing
    # A metric takes as long for one map as for another.
    place = work.task.name if work.metric else work.task.sample_set
    key = place, work.asked.part.name, tuple(work.asked.settings.items()), work.size
    if key not in _tried:
        _tried[key] = _tried_on(work, batch_size)
    return _tried[key]


_tried: dict[object, float] = {}


def _tried_on(work: _Work, batch_size: int) -> float:
    """Return the seconds of a piece of work by doing it for one sample, or for a few of them; 0 where it fails."""
    try:
        batch = work.task.questions(SPLIT, min(work.size, FEW), batch_size)
        one = _seconds(lambda: _do(work, batch[:1], batch_size))
        if one > BRIEF or len(batch) == 1:
            return one * work.size
        few = min(_seconds(lambda: _do(work, batch, batch_size)) for _ in range(2))
    except Exception:  # noqa: BLE001 - a run writes down what goes wrong, and goes on
        return 0.0
    return one + max(few - one, 0.0) / (len(batch) - 1) * (work.size - 1)


def _do(work: _Work, batch: Batch, batch_size: int) -> None:
    gate = work.task.gate(batch_size)
    if work.metric is None:
        explain(work.method, gate, batch if "truth" in work.method.part.needs else replace(batch, truth=None))
        return
    maps = torch.rand(batch.units.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    score(work.metric, gate, batch, maps, None)


@dataclass(frozen=True, slots=True)
class _Measured:
    units: int
    making: float
    """Seconds that a sample and its truth take."""
    forward: float
    """Seconds of a pass forward."""
    both: float
    """Seconds of a pass forward and back."""


@cache
def _measured(task: Task, batch_size: int) -> _Measured | None:
    """Measure a task's samples and its network; None where its samples are refused: a run says why."""
    gate, start = task.gate(batch_size), time.perf_counter()
    try:
        batch = task.questions(SPLIT, FEW, batch_size)
    except Refused:
        return None
    making = (time.perf_counter() - start) / len(batch)
    # Large pictures take as long each, however few there are; small inputs only in company.
    count = min(FULL, gate.room(batch.x), max(1, NUMBERS // batch.x[0].numel()))
    same = torch.arange(count) % len(batch)
    x, target = batch.x[same], batch.target[same]
    forward = both = _seconds(lambda: gate.score(x, target), warm=True) / len(x)
    if gate.network.module is not None:
        both = _seconds(lambda: gate.gradient(x, target), warm=True) / len(x)
    return _Measured(unit_count(batch.units), making, forward, both)


def _seconds(work: Callable[[], object], *, warm: bool = False) -> float:
    if warm:
        work()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
