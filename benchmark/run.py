"""Running: what is missing is computed and stored, and the whole is read back as one result."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from .admission import admission_keys, check_tasks
from .data import Record
from .jobs import jobs_of
from .manifest import earlier, keep, seeds_of
from .memory import keep_memory
from .plan import Cell, asked_for, plan
from .question import maker_of, tasks
from .registry import Method
from .results import NETWORKS, Results, read_manifest
from .splits import is_drawn
from .store import Store, clean
from .suite import Suite
from .workers import run_jobs

Progress = Callable[[int, int, str], None]
"""Told how many jobs are done, of how many, and what was done last."""


@dataclass(frozen=True, slots=True)
class How:
    """Options of a run; none of them changes a number."""

    batch_size: int = 0
    workers: int = 1
    ray: str = ""
    timeout: float = 0.0
    retry: bool = False
    """Whether failed cells are tried again."""
    files: tuple[Path, ...] = ()
    """Files that define parts from outside."""


def run(
    suite: Suite,
    folder: Path,
    extra: Sequence[Method] = (),
    *,
    baselines: Mapping[str, Record] | None = None,
    how: How | None = None,
    progress: Progress | None = None,
    verified: bool = False,
    seed: str = "",
    networks: bool = False,
) -> Results:
    """Compute what a suite's run directory lacks and return the whole.

    With `extra` methods only these and the controls are computed: all else comes from the directory or from the stored
    `baselines`, by the hash of what it depends on. Methods that were run there before stay. Tasks are put to their
    checks first where the suite asks for admission.

    A `verified` run draws the seed of its samples when it starts, or repeats that of another run (`seed`). It computes
    all methods of the suite, for no baseline is on these samples, and each explains in a process of its own. With
    `networks` those that can be made anew are, before all else.
    """
    keep_memory()
    how = how or How()
    store = Store(folder / "store")
    clean(folder)
    seeds = seeds_of(folder, seed, verified=verified, networks=networks)
    own = folder / NETWORKS if seeds.networks else None
    if own is not None:
        if read_manifest(folder) is None:  # that the run has begun, before what takes minutes
            keep(folder, suite, (), seeds)
        make_anew(suite, own, progress)
    cells = plan(suite, (*earlier(folder, suite), *extra), how.batch_size, seeds.split, own)
    checks = admission_keys(suite, own)
    if how.retry:
        _forget_failures(cells, store)
    _take((*(cell.key for cell in cells), *checks.values()), store, baselines or {})
    wanted = cells if is_drawn(seeds.split) else asked_for(suite, cells, extra)
    keep(folder, suite, cells, seeds, checks)
    unchecked = [name for name, key in checks.items() if key not in store]
    jobs = jobs_of(wanted, store, how.batch_size, how.timeout, frozenset(baselines or ()))
    done, total = 0, len(unchecked) + len(jobs)
    finished = (job.label for job in run_jobs(jobs, how.workers, how.ray, how.files))
    try:
        for done, label in enumerate(chain(check_tasks(unchecked, store, checks, own), finished), 1):
            if progress:
                progress(done, total, label)
    except KeyboardInterrupt as stop:
        kept = f"{done} of {total} jobs are kept in {folder}"
        raise KeyboardInterrupt(f"interrupted: {kept}; run the same command again to go on") from stop
    return Results.read(folder)


def make_anew(suite: Suite, folder: Path, progress: Progress | None = None) -> None:
    """Make the networks anew that a suite asks about, where they can be and are not in the folder yet."""
    asked = dict.fromkeys(name for task in suite.tasks for name in tasks[task].model.networks)
    makers = {name: anew for name in asked if (anew := maker_of(name)) is not None}
    for done, (name, anew) in enumerate(makers.items()):

        def tell(line: str, done: int = done, name: str = name) -> None:
            if progress:
                progress(done, len(makers), f"{name}: {line}")

        if not (folder / f"{name}.json").is_file():
            anew(folder, tell)


def _forget_failures(cells: Iterable[Cell], store: Store) -> None:
    """Remove the failures that are to be tried again."""
    for key, record in store.records(cell.key for cell in cells).items():
        if record is not None and record.status == "failed":
            store.path(key).unlink()


def _take(keys: Iterable[str], store: Store, baselines: Mapping[str, Record]) -> None:
    """Copy the stored baselines that fit into the directory."""
    for key in keys:
        if key in baselines and key not in store:
            store.put_record(key, baselines[key])
