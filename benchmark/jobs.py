"""Jobs: all cells that share one explanation, done together, wherever an executor puts them."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from .attempts import limited, outcome_of
from .data import Batch, Record
from .entries import is_shipped
from .game import Memory
from .gate import Gate
from .guard import Moved, same_weights, watched
from .harness import Asked, explain, maps_of, score, sealed
from .identity import digest
from .plan import Cell
from .question import Task, forget, forget_truths
from .registry import TRUTH_WORDS
from .sealed import Explain, apart, maps_apart
from .splits import is_drawn
from .store import Maps, Store

PREVIEW = 8
"""The most samples that a report can show."""


@dataclass(frozen=True, slots=True)
class Job:
    """One explanation and all that is scored on it."""

    cells: tuple[Cell, ...]
    folder: Path
    """The store."""
    batch_size: int = 0
    timeout: float = 0.0
    """Seconds that an explanation, or a score, may take; 0 for no limit."""

    @property
    def label(self) -> str:
        """The work in a few words."""
        first = self.cells[0]
        return f"{first.method.part.name} on {first.task.model.name}"


def jobs_of(
    cells: Iterable[Cell], store: Store, batch_size: int, timeout: float, shipped: Container[str] = ()
) -> list[Job]:
    """Group what lacks a record or maps by explanation, in the suite's order, those on the same samples together.

    A `shipped` record, one that was not made here, never had maps.
    """
    possible = {cell.key: cell for cell in cells if not cell.reason}
    records = store.records(possible)
    made = [possible[key] for key, record in records.items() if key not in shipped and record and record.status == "ok"]
    bare = {cell.key for cell in _bare(made, store)}
    groups: dict[str, dict[str, list[Cell]]] = {}
    for key, cell in possible.items():
        if records[key] is None or key in bare:
            groups.setdefault(cell.task.sample_set, {}).setdefault(cell.explanation, []).append(cell)
    together = (group for on_samples in groups.values() for group in on_samples.values())
    return [Job(tuple(group), store.folder, batch_size, timeout) for group in together]


def _bare(cells: Sequence[Cell], store: Store) -> Iterator[Cell]:
    """Yield those of cells with scores whose maps are lost or damaged, and one for each lost preview."""
    whole = store.whole_maps(cell.explanation for cell in cells)
    yield from (cell for cell in cells if cell.explanation not in whole)
    shown = {preview_key(cell.task, cell.size, cell.split): cell for cell in cells}
    yield from (cell for key, cell in shown.items() if store.preview(key) is None)


Tell = Callable[[str], None]
"""Told `at` when a part starts its work, `done` when it ends, and `moved` when it has moved what is not its own."""


def _silent(_what: str) -> None:
    """Tell nobody."""


def do(job: Job) -> None:
    """Explain, score and store; what goes wrong in a part becomes its record, and nothing else is lost."""
    if explain_job(job):
        Store(job.folder).put_records({cell.key: record for cell, record in scored(job)})


def explain_job(job: Job, tell: Tell = _silent) -> bool:
    """Explain and store, unless that was done before; return whether there are maps, or else store why not."""
    store, first = Store(job.folder), job.cells[0]
    if store.maps(first.explanation) is None:
        outcome = _attempt(job, tell)
        if isinstance(outcome, Record):
            put_failure(job, outcome)
            return False
        store.put_maps(first.explanation, outcome)
    _keep_preview(job, store)
    return True


def put_failure(job: Job, record: Record) -> None:
    """Store what happened to one cell as what happened to all of a job that have no record."""
    store = Store(job.folder)
    store.put_records({cell.key: _at(cell, record) for cell in job.cells if cell.key not in store})


def scored(job: Job, tell: Tell = _silent) -> Iterator[tuple[Cell, Record]]:
    """Score the stored maps, cell by cell, where there is no record yet."""
    store = Store(job.folder)
    maps = store.maps(job.cells[0].explanation)
    if maps is None:
        raise ValueError(f"{job.label}: the maps that were stored are damaged; run the same command again")
    for cell in job.cells:
        if cell.key not in store:
            yield cell, _scored(job, cell, maps, tell)


def _at(cell: Cell, record: Record) -> Record:
    return replace(record, task=cell.task.name, metric=cell.metric.part.name)


def _attempt(job: Job, tell: Tell) -> Maps | Record:
    cell, method = job.cells[0], job.cells[0].method
    try:
        gate = cell.task.gate(job.batch_size)
        if not is_shipped(method.part.function):
            forget_truths()
            _memory.cache_clear()
        batch = sealed(method, _questions(job, cell, truth=_sees_truth(method)))
        with _explaining(cell) as made, _watched(tell, cell, gate, batch, method), limited(job.timeout):
            attribution, cost = made(method, gate, batch)
            maps = Maps(batch.ids, attribution, cost)
            if not maps.values.isfinite().all(1).any():
                raise ValueError("every map has NaN or infinite values")
    except (KeyboardInterrupt, Damaged):
        raise
    except BaseException as error:  # noqa: BLE001 - a cell is attempted here
        return failure(cell, error, job.timeout)
    return maps


@contextmanager
def _explaining(cell: Cell) -> Iterator[Explain]:
    """Give what explains: here, or apart."""
    if not _works_apart(cell):
        yield explain
        return
    with apart(cell.split) as made:
        yield made


def _works_apart(cell: Cell) -> bool:
    """Return whether the method works in a process of its own: in a verified run, unless it is handed the truth."""
    return is_drawn(cell.split) and not _sees_truth(cell.method)


def _scored(job: Job, cell: Cell, maps: Maps, tell: Tell) -> Record:
    try:
        gate = cell.task.gate(job.batch_size)
        batch = _questions(job, cell, truth=_sees_truth(cell.metric, cell.method))
        memory = _memory(cell.task.sample_set, cell.size)
        with _watched(tell, cell, gate, batch, cell.metric, cell.method), limited(job.timeout):
            again = partial(maps_apart, cell.split) if _works_apart(cell) else maps_of
            scores, cost = score(cell.metric, gate, batch, maps.values, cell.method, memory, explaining=again)
    except (KeyboardInterrupt, Damaged):
        raise
    except BaseException as error:  # noqa: BLE001 - a cell is attempted here
        return replace(failure(cell, error, job.timeout), explained=maps.cost)
    bad = int((~maps.values.isfinite().all(1)).sum())
    note = f"{bad} of {len(maps.ids)} maps have NaN or infinite values" if bad else ""
    return Record(*cell.names, "ok", note, maps.ids, scores, cost, maps.cost)


def _sees_truth(*asked: Asked) -> bool:
    """Return whether the first of the parts is handed the truth, or the second where the first explains again."""
    acting = asked if "explain" in asked[0].part.needs else asked[:1]
    return any(not TRUTH_WORDS.isdisjoint(part.part.needs) for part in acting)


class Damaged(ValueError):  # noqa: N818 - a state of the network
    """A network was changed, and cannot be made anew as it was: the run must end, or all that follows is wrong."""


@contextmanager
def _watched(tell: Tell, cell: Cell, gate: Gate, batch: Batch, *asked: Asked) -> Iterator[None]:
    """Watch parts at work, and tell; what they have spoilt is made anew at the next need."""
    acting = [each.part for each in asked[: 2 if "explain" in asked[0].part.needs else 1]]
    strict = not all(is_shipped(part.function) for part in acting)
    asks = strict or any(part.capability is not None or "explain" in part.needs for part in acting)
    tell("at")
    try:
        with watched(gate.network if asks else None, batch, strict=strict):
            yield
    except Moved as moved:
        tell("moved")
        if moved.spoilt:
            forget()
            _memory.cache_clear()
            if not same_weights(cell.task.gate().network, moved.before):
                name = cell.task.model.name
                raise Damaged(
                    f"{asked[0].part.name} changed the network {name}, and building it again gives the changed one: "
                    f"let the function {name} make a new one each time"
                ) from moved
        raise
    finally:
        tell("done")


@lru_cache(maxsize=1)
def _memory(sample_set: str, size: int) -> Memory:
    """Return what this process has asked about the samples that it is at; jobs on the same ones follow each other."""
    return Memory()


def preview_key(task: Task, size: int, split: str) -> str:
    """Return where the first samples of a task are kept, so that a report can show them."""
    return digest("preview", task.sample_set, size, split)


def _keep_preview(job: Job, store: Store) -> None:
    cell = job.cells[0]
    key = preview_key(cell.task, cell.size, cell.split)
    if key not in store:
        with suppress(Exception):  # of samples that cannot be made, the cells say why
            store.put_preview(key, _questions(job, cell, truth=False)[:PREVIEW])


def _questions(job: Job, cell: Cell, *, truth: bool) -> Batch:
    return cell.task.questions(cell.split, cell.size, job.batch_size, truth=truth)


def failure(cell: Cell, error: BaseException, timeout: float) -> Record:
    """Return the record of a failure, or of an honest no."""
    outcome = outcome_of(error, timeout)
    return Record(*cell.names, outcome.status, outcome.reason, trace=outcome.trace)
