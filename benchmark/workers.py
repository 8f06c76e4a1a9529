"""Workers: supervised processes, so that work that dies, hangs or spoils its process costs its own cell alone."""

import os
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from multiprocessing.connection import wait
from pathlib import Path

import torch

from .attempts import OutOfTime
from .data import Record
from .entries import NAMED, import_file, is_shipped, registries
from .jobs import Job, do, explain_job, failure, put_failure, scored
from .memory import keep_memory
from .processes import Process, joined
from .store import Store

GRACE = 1.0
"""Seconds that a worker is given to end by itself: past the time limit, and when it has stopped talking."""
PULSE = 0.1
"""Seconds between two looks at the clock."""
READY, AT, DONE, MOVED, END = "ready", "at", "done", "moved", "end"
"""Messages of a worker: that it has started; that a part begins, or has its outcome stored; that a part moved what is
not its own; that the job is at its end."""


def run_jobs(jobs: Sequence[Job], workers: int, ray: str, files: Sequence[Path]) -> Iterator[Job]:
    """Do the jobs in this process, in supervised ones, or on a Ray cluster, and yield each when it is done.

    What strangers have written, and all that has a time limit, is done in a process that can be ended.
    """
    if ray:
        yield from _on_ray(jobs, ray, files)
        return
    apart = [job for job in jobs if (workers > 1 or _wants_a_process(job)) and _travels(job, files)]
    for job in jobs:
        if job not in apart:
            do(job)
            yield job
    yield from _supervised(apart, workers, files)


def _wants_a_process(job: Job) -> bool:
    return job.timeout > 0 or not all(is_shipped(part) for part in _parts(job))


def _parts(job: Job) -> Iterator[Callable[..., object]]:
    cell = job.cells[0]
    yield from (cell.method.part.function, cell.task.function, cell.task.model.function)
    yield from (each.metric.part.function for each in job.cells)


def _travels(job: Job, files: Sequence[Path]) -> bool:
    """Return whether another process can find the parts: those of a notebook or a script are in this one alone."""
    named = {f"{NAMED}{file.stem}" for file in files}
    groups = [f"heatproof.{registry.folder}" for registry in registries.values()]
    plugins = {each.module.partition(".")[0] for group in groups for each in entry_points(group=group)}
    modules = {part.__module__ for part in _parts(job) if not is_shipped(part)}
    return all(module in named or module.partition(".")[0] in plugins for module in modules)


class Worker:
    """A process that does one job after another, and says what it is at."""

    def __init__(self, files: Iterable[Path], threads: int) -> None:
        self.job: Job | None = None
        self.ready = self.spoilt = False
        self._since: float | None = None
        self.process = Process(__name__)
        self._send((tuple(files), threads))

    def take(self, job: Job) -> None:
        """Begin a job."""
        self.job, self._since = job, None
        self._send(job)

    def _send(self, content: object) -> None:
        with suppress(OSError):  # a dead one is met when it is listened to
            self.process.pipe.send_bytes(pickle.dumps(content))

    @property
    def late(self) -> bool:
        """Whether the part at work has had its time, and the grace."""
        limit = self.job.timeout if self.job else 0.0
        return limit > 0 and self._since is not None and time.monotonic() > self._since + limit + GRACE

    def hear(self) -> str:
        """Return what it says; nothing where it is dead."""
        try:
            told = self.process.pipe.recv_bytes(16).decode()
        except (EOFError, OSError, UnicodeDecodeError):
            return ""
        self._since = time.monotonic() if told == AT else None
        self.ready |= told == READY
        self.spoilt |= told == MOVED
        return told if told in (READY, AT, DONE, MOVED, END) else ""


def _supervised(jobs: Sequence[Job], count: int, files: Sequence[Path]) -> Iterator[Job]:
    threads = max(1, torch.get_num_threads() // count)
    waiting, workers = [*reversed(jobs)], list[Worker]()
    try:
        while waiting or workers:
            workers += [Worker(files, threads) for _ in range(min(count - len(workers), len(waiting)))]
            for worker in workers:
                if worker.job is None and waiting:
                    worker.take(waiting.pop())
            heard = wait([worker.process.pipe for worker in workers], PULSE)
            for worker in [each for each in workers if each.process.pipe in heard or each.late]:
                job, told = worker.job, "" if worker.late else worker.hear()
                if job is None or told not in ("", END):
                    continue
                if told == END:
                    yield job
                elif _blamed(job, worker):
                    waiting.append(job)
                else:
                    yield job
                worker.job = None
                if told != END or worker.spoilt or not waiting:
                    worker.process.end()
                    workers.remove(worker)
    finally:
        for worker in workers:
            worker.process.end()


def _blamed(job: Job, worker: Worker) -> bool:
    """Store that the part at work was late, or ended its process; return whether more of the job is to be done."""
    late = worker.late
    ended = worker.process.end(0 if late else GRACE)
    if not worker.ready:
        raise ValueError(f"a worker does not start, it ended with {ended}: see above, or use one and no time limit")
    store = Store(job.folder)
    left = [cell for cell in job.cells if cell.key not in store]
    at = left[0] if left else job.cells[0]
    died = f"its process ended with {ended}: return a result, or raise an error"
    record = failure(at, OutOfTime(), job.timeout) if late else Record(*at.names, "failed", died)
    if store.maps(at.explanation) is None:
        put_failure(job, record)
        return False
    if left:
        store.put_record(at.key, record)
    return len(left) > 1


def serve(channel: int, parent: int) -> None:
    """Do what comes through the pipe, until the parent ends."""
    pipe = joined(channel, parent)
    files, threads = pickle.loads(pipe.recv_bytes())
    keep_memory()
    torch.set_num_threads(threads)
    for file in files:
        import_file(file)

    own = os.getpid()

    def tell(what: str) -> None:
        if os.getpid() != own:
            os._exit(1)  # a part forked, and this is its child
        pipe.send_bytes(what.encode())

    tell(READY)
    while True:
        try:
            content = pipe.recv_bytes()
        except EOFError:
            return
        try:
            _serve_one(pickle.loads(content), tell)
        except KeyboardInterrupt:
            os._exit(1)  # a part raised it: Ctrl-C is for the parent alone
        tell(END)


def _serve_one(job: Job, tell: Callable[[str], None]) -> None:
    """Do a job, and store each record as soon as it is there: what comes next may end the process."""
    if explain_job(job, tell):
        for cell, record in scored(job, tell):
            Store(job.folder).put_record(cell.key, record)


def _on_ray(jobs: Sequence[Job], address: str, files: Sequence[Path]) -> Iterator[Job]:
    try:
        import ray
    except ImportError as error:
        raise ValueError("--ray needs the extra: pip install 'heatproof[ray]'") from error
    ray.init(address=address, ignore_reinit_error=True)
    remote = ray.remote(max_retries=0)(_do_packed)
    waiting = {remote.remote(pickle.dumps(job), tuple(files)): job for job in jobs}
    while waiting:
        done, _ = ray.wait(list(waiting))
        for future in done:
            job = waiting.pop(future)
            try:
                ray.get(future)
            except ray.exceptions.RayError as error:
                put_failure(job, failure(job.cells[0], error, job.timeout))
            yield job


def _do_packed(content: bytes, files: tuple[Path, ...]) -> None:
    """Do a job in a process of Ray, where the files that define its parts are imported first."""
    keep_memory()
    for file in files:
        import_file(file)
    for _ in run_jobs([pickle.loads(content)], 1, "", files):
        pass
