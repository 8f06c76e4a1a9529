"""Running: what is missing is computed and stored, and the whole is read back as one result."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .data import Record
from .harness import Asked
from .jobs import jobs_of, preview_key, run_jobs
from .memory import keep_memory
from .plan import Cell, plan
from .provenance import provenance
from .registry import TRUTH_WORDS, Method, Metric, Part
from .results import Results
from .store import Store, clean, write_atomic
from .suite import Suite

Progress = Callable[[int, int, str], None]
"""Told how many jobs are done, of how many, and what was done last."""


@dataclass(frozen=True, slots=True)
class How:
    """How a run is carried out; none of it changes a number."""

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
) -> Results:
    """Compute what a suite's run directory lacks and return the whole.

    With `extra` methods only these and the controls are computed: all else comes from the directory or from the stored
    `baselines`, by the hash of what it depends on.
    """
    keep_memory()
    how = how or How()
    store = Store(folder / "store")
    clean(folder)
    cells = plan(suite, extra, how.batch_size)
    _take(cells, store, baselines or {}, how)
    wanted = [cell for cell in cells if not extra or _asked(cell, extra)]
    jobs = jobs_of(wanted, store, how.batch_size, how.timeout)
    write_atomic(folder / "run.json", _manifest(suite, cells))
    for number, job in enumerate(run_jobs(jobs, how.workers, how.ray, how.files), 1):
        if progress:
            progress(number, len(jobs), job.label)
    return Results.read(folder)


def _asked(cell: Cell, extra: Sequence[Method]) -> bool:
    part = cell.method.part
    return part in extra or (isinstance(part, Method) and part.role == "control")


def _take(cells: Iterable[Cell], store: Store, baselines: Mapping[str, Record], how: How) -> None:
    """Copy the stored baselines that fit into the directory; forget failures that are to be tried again."""
    for cell in cells:
        if how.retry and (record := store.record(cell.key)) is not None and record.status == "failed":
            store.path(cell.key).unlink()
        if cell.key in baselines and cell.key not in store:
            store.put_record(cell.key, baselines[cell.key])


def _manifest(suite: Suite, cells: Sequence[Cell]) -> bytes:
    """Return what a reader of the directory needs beside the records."""
    content = {
        "suite": suite.model_dump(),
        "provenance": provenance(),
        "tasks": {c.task.name: _task_card(c) for c in cells},
        "methods": {c.method.part.name: _method_card(c.method) for c in cells},
        "metrics": {c.metric.part.name: _metric_card(c.metric) for c in cells},
        "cells": [[*c.names, c.key, c.explanation, c.reason] for c in cells],
    }
    return json.dumps(content, indent=1, default=str).encode()


def _task_card(cell: Cell) -> dict[str, object]:
    task = cell.task
    return {
        "summary": task.summary,
        "family": task.family,
        "truth_type": task.truth_type,
        "headline": task.headline,
        "model": task.model.name,
        "model_summary": task.model.summary,
        "readout": task.readout,
        "imputer": task.imputer,
        "samples": cell.size,
        "version": task.version,
        "capability": task.capability,
        "model_card": dict(task.model.card),
        "preview": preview_key(task, cell.size),
    }


def _part_card(part: Part) -> dict[str, object]:
    return {
        "summary": part.summary,
        "paper": part.paper,
        "needs": part.capability.__name__ if part.capability else "",
        "stochastic": part.stochastic,
    }


def _method_card(method: Asked) -> dict[str, object]:
    part = method.part
    if not isinstance(part, Method):
        raise TypeError(f"{part.name} is not a method")
    return {**_part_card(part), "settings": dict(method.settings), "signed": part.signed, "role": part.role}


def _metric_card(metric: Asked) -> dict[str, object]:
    part = metric.part
    if not isinstance(part, Metric):
        raise TypeError(f"{part.name} is not a metric")
    better = dict(part.directions)
    truth = sorted(TRUTH_WORDS.intersection(part.needs))
    settings = dict(metric.settings)
    return {**_part_card(part), "settings": settings, "better": better, "reads": part.reads, "truth": truth}
