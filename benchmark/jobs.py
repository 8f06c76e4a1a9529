"""Jobs: all cells that share one explanation, done together, wherever an executor puts them."""

import pickle
import signal
import traceback
from collections.abc import Container, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from types import FrameType

import torch

from .data import REASON, Batch, Record
from .entries import import_file
from .errors import Refused, words_of
from .game import Memory
from .harness import explain, score
from .identity import digest
from .memory import keep_memory
from .plan import SPLIT, Cell
from .question import Task
from .store import Maps, Store

PREVIEW = 8
"""How many samples a report can show."""


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
        """What is being done, in a few words."""
        first = self.cells[0]
        return f"{first.method.part.name} on {first.task.model.name}"


class OutOfTime(BaseException):
    """Time is up; not an Exception, so that no part can catch it by accident."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise OutOfTime when the work takes longer than `seconds`; 0 means no limit."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTime

    if not seconds:
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


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
    shown = {preview_key(cell.task, cell.size): cell for cell in cells}
    yield from (cell for key, cell in shown.items() if store.preview(key) is None)


def do(job: Job) -> None:
    """Explain, score and store; what goes wrong in a part becomes its record, and nothing else is lost."""
    store = Store(job.folder)
    maps = store.maps(job.cells[0].explanation)
    missing = [cell for cell in job.cells if cell.key not in store]
    if maps is None:
        outcome = _attempt(job)
        if isinstance(outcome, Record):
            store.put_records({cell.key: _at(cell, outcome) for cell in missing})
            return
        maps = outcome
        store.put_maps(job.cells[0].explanation, maps)
    _keep_preview(job, store)
    store.put_records({cell.key: _scored(job, cell, maps) for cell in missing})


def _at(cell: Cell, record: Record) -> Record:
    return replace(record, task=cell.task.name, metric=cell.metric.part.name)


def _attempt(job: Job) -> Maps | Record:
    cell = job.cells[0]
    try:
        with limited(job.timeout):
            batch = _questions(job, cell)
            attribution, cost = explain(cell.method, cell.task.gate(job.batch_size), batch)
    except (Exception, OutOfTime) as error:  # noqa: BLE001 - a cell is attempted here
        return _failure(cell, error, job.timeout)
    if not attribution.isfinite().all(1).any():
        return _failure(cell, ValueError("every map has NaN or infinite values"), job.timeout)
    return Maps(batch.ids, attribution, cost)


def _scored(job: Job, cell: Cell, maps: Maps) -> Record:
    try:
        with limited(job.timeout):
            batch = _questions(job, cell)
            gate = cell.task.gate(job.batch_size)
            memory = _memory(cell.task.sample_set, cell.size)
            scores, cost = score(cell.metric, gate, batch, maps.values, cell.method, memory)
    except (Exception, OutOfTime) as error:  # noqa: BLE001 - a cell is attempted here
        return replace(_failure(cell, error, job.timeout), explained=maps.cost)
    bad = int((~maps.values.isfinite().all(1)).sum())
    note = f"{bad} of {len(maps.ids)} maps have NaN or infinite values" if bad else ""
    return Record(*cell.names, "ok", note, maps.ids, scores, cost, maps.cost)


@lru_cache(maxsize=1)
def _memory(sample_set: str, size: int) -> Memory:
    """Return what this process has asked about the samples that it is at; jobs on the same ones follow each other."""
    return Memory()


def preview_key(task: Task, size: int) -> str:
    """Return where the first samples of a task are kept, so that a report can show them."""
    return digest("preview", task.sample_set, size)


def _keep_preview(job: Job, store: Store) -> None:
    cell = job.cells[0]
    key = preview_key(cell.task, cell.size)
    if key not in store:
        with suppress(Exception):  # of samples that cannot be made, the cells say why
            store.put_preview(key, _questions(job, cell)[:PREVIEW])


def _questions(job: Job, cell: Cell) -> Batch:
    return cell.task.questions(SPLIT, cell.size, job.batch_size)


def _failure(cell: Cell, error: BaseException, timeout: float) -> Record:
    """Return the record of a failure, or of an honest no."""
    if isinstance(error, Refused):
        return Record(*cell.names, "skipped", words_of(error) or "it refused, and gave no reason")
    if isinstance(error, OutOfTime):
        return Record(*cell.names, "failed", f"took longer than the time limit of {timeout:g} s")
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    reason = f"{type(error).__name__}: {words_of(error).partition(chr(10))[0]}"[: REASON - len(where)] + where
    return Record(*cell.names, "failed", reason, trace="".join(traceback.format_exception(error)))


def run_jobs(jobs: Sequence[Job], workers: int, ray: str, files: Sequence[Path]) -> Iterator[Job]:
    """Do the jobs in this process, in several, or on a Ray cluster, and yield each when it is done."""
    if ray:
        yield from _on_ray(jobs, ray, files)
    elif workers > 1 and len(jobs) > 1:
        yield from _in_processes(jobs, workers, files)
    else:
        for job in jobs:
            do(job)
            yield job


def _packed(job: Job, files: Sequence[Path]) -> tuple[bytes, tuple[Path, ...]]:
    return pickle.dumps(job), tuple(files)


def _do_packed(packed: tuple[bytes, tuple[Path, ...]], threads: int) -> None:
    """Do a job in another process, where the files that define its parts are imported first."""
    content, files = packed
    keep_memory()
    if threads:
        torch.set_num_threads(threads)
    for file in files:
        import_file(file)
    do(pickle.loads(content))


def _in_processes(jobs: Sequence[Job], workers: int, files: Sequence[Path]) -> Iterator[Job]:
    threads = max(1, torch.get_num_threads() // workers)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        waiting = {pool.submit(_do_packed, _packed(job, files), threads): job for job in jobs}
        try:
            for future in as_completed(waiting):
                future.result()
                yield waiting[future]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _on_ray(jobs: Sequence[Job], address: str, files: Sequence[Path]) -> Iterator[Job]:
    try:
        import ray
    except ImportError as error:
        raise ValueError("--ray needs the extra: pip install 'heatproof[ray]'") from error
    ray.init(address=address, ignore_reinit_error=True)
    remote = ray.remote(_do_packed)
    waiting = {remote.remote(_packed(job, files), 0): job for job in jobs}
    while waiting:
        done, _ = ray.wait(list(waiting))
        for future in done:
            ray.get(future)
            yield waiting.pop(future)
