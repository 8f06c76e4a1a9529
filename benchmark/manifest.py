"""The manifest of a run directory, `run.json`: what a reader needs beside the records."""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from .errors import UnknownName
from .harness import Asked
from .identity import digest, unfollowed
from .jobs import preview_key
from .plan import Cell, explanation_of, key_of
from .provenance import provenance
from .registry import TRUTH_WORDS, Method, Metric, Part, methods
from .results import MANIFEST, NETWORKS, Manifest, read_manifest, seeds_in
from .splits import PUBLIC, Seeds, split_of
from .store import write_atomic
from .suite import Suite

LISTS = ("tasks", "methods", "metrics")
"""Lists that may grow while a suite stays the same."""


def earlier(folder: Path, suite: Suite) -> list[Method]:
    """Return the methods that were run in a directory and are known here; one of another suite is refused."""
    before = read_manifest(folder)
    if before is None:
        return []
    _refuse_another(folder, before["suite"], suite)
    found = []
    for name in before["methods"]:
        with suppress(UnknownName, ValueError):
            found.append(methods[name])
    return found


def seeds_of(folder: Path, seed: str = "", *, verified: bool = False, networks: bool = False) -> Seeds:
    """Return the seeds that a run goes on with, or those that it starts with: public, given, or drawn now.

    Networks that are there before the run has started are given, too.
    """
    before = read_manifest(folder)
    verified |= bool(seed) or networks
    if before is None:
        if not verified:
            return PUBLIC
        given = seed or (networks and (folder / NETWORKS).is_dir())
        return Seeds(split_of(seed), "given" if given else "drawn", time.strftime("%Y-%m-%d"), networks)
    kept = seeds_in(before)
    if verified == (kept.origin == "public") or kept.networks != networks or kept.seed != (seed or kept.seed):
        _refuse_other_seeds(folder, kept)
    return kept


def _refuse_other_seeds(folder: Path, kept: Seeds) -> NoReturn:
    if kept.origin == "public":
        raise ValueError(f"{folder} is a run with the public seed: give another --out")
    how = "--networks" if kept.networks else "--verified without --networks"
    raise ValueError(f"{folder} is a verified run with the seed {kept.seed}: give {how}, or another --out")


def keep(
    folder: Path,
    suite: Suite,
    cells: Sequence[Cell],
    seeds: Seeds = PUBLIC,
    checks: Mapping[str, str] | None = None,
) -> None:
    """Write down what is run in a directory beside what was run there before, by this process or by another.

    `checks` says where the admission of each task is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        before = read_manifest(folder)
        content = {**_manifest(suite, cells, seeds), "admission": dict(checks or {})}
        if before is not None:
            _refuse_another(folder, before["suite"], suite)
            if (kept := seeds_in(before)).split != seeds.split:
                _refuse_other_seeds(folder, kept)
            _add_earlier(content, before, cells)
        write_atomic(folder / MANIFEST, json.dumps(content, indent=1, default=str).encode())


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let other processes that write the manifest of this directory wait, where the file system can lock."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _refuse_another(folder: Path, before: Mapping[str, Any], suite: Suite) -> None:
    """Refuse a directory that holds scores of another suite; one that has only grown is the same."""
    now, title = suite.model_dump(mode="json"), f"{before['name']}@{before['version']}"
    if title != suite.title:
        raise ValueError(f"{folder} is a run of {title}, not of {suite.title}: give another --out")
    settled = [name for name in now if name not in ("summary", *LISTS) and name in before]
    changed = [name for name in settled if digest(before[name]) != digest(now[name])]
    changed += [name for name in LISTS if not set(before[name]) <= set(now[name])]
    if changed:
        raise ValueError(f"{folder} is a run of {title} with other {', '.join(changed)}: give another --out")


def _add_earlier(content: Manifest, before: Manifest, cells: Sequence[Cell]) -> None:
    """Add the methods that were run before and are not planned now, under the keys that their results have today.

    A result that rests on a task, a metric or a kernel that has changed since has another key, and so counts as
    missing.
    """
    pairs = {(cell.task.name, cell.metric.part.name): cell for cell in cells}
    reasons = {tuple(cell[:4]): cell[6] for cell in before["cells"]}
    for name, card in before["methods"].items():
        if name in content["methods"] or "makers" not in card:
            continue
        content["methods"][name] = {"provenance": before["provenance"], **card}
        for (task, metric), cell in pairs.items():
            for repeat, maker in enumerate(card["makers"]):
                place, explanation = (task, name, metric, repeat), explanation_of(cell.asks, maker)
                key = key_of(explanation, cell.judge, card["signed"])
                content["cells"].append([*place, key, explanation, reasons.get(place, "")])


def _manifest(suite: Suite, cells: Sequence[Cell], seeds: Seeds) -> Manifest:
    makers: dict[str, list[str]] = {}
    for cell in cells:
        known = makers.setdefault(cell.method.part.name, [])
        known += [cell.maker] if cell.maker not in known else []
    return {
        "suite": suite.model_dump(mode="json"),
        "seeds": asdict(seeds),
        "provenance": provenance(),
        "tasks": {c.task.name: _task_card(c) for c in cells},
        "methods": {c.method.part.name: _method_card(c.method, makers[c.method.part.name]) for c in cells},
        "metrics": {c.metric.part.name: _metric_card(c.metric) for c in cells},
        "cells": [[*c.names, c.key, c.explanation, c.reason] for c in cells],
    }


def _task_card(cell: Cell) -> dict[str, object]:
    task = cell.task
    return {
        "summary": task.summary,
        "family": task.family,
        "truth_type": task.truth_type,
        "headline": task.headline,
        "model": task.model.name,
        "model_summary": task.model.summary,
        "architecture": task.model.architecture,
        "networks": list(task.model.pair or (task.model.name,)),
        "readout": task.readout,
        "imputer": task.imputer,
        "samples": cell.size,
        "version": task.version,
        "capability": task.capability,
        "model_card": dict(task.model.card),
        "preview": preview_key(task, cell.size, cell.split),
    }


def _part_card(part: Part) -> dict[str, object]:
    return {
        "summary": part.summary,
        "paper": part.paper,
        "needs": part.capability.__name__ if part.capability else "",
        "stochastic": part.stochastic,
    }


def _method_card(method: Asked, makers: Sequence[str]) -> dict[str, object]:
    part = method.part
    if not isinstance(part, Method):
        raise TypeError(f"{part.name} is not a method")
    reads = [] if part.files else unfollowed(part.function)
    words = {"settings": dict(method.settings), "signed": part.signed, "role": part.role}
    declares = part.passes is not None or part.capability is None
    return {**_part_card(part), **words, "declares": declares, "makers": makers, "reads": reads}


def _metric_card(metric: Asked) -> dict[str, object]:
    part = metric.part
    if not isinstance(part, Metric):
        raise TypeError(f"{part.name} is not a metric")
    better = dict(part.directions)
    truth = sorted(TRUTH_WORDS.intersection(part.needs))
    settings, reads = dict(metric.settings), part.reads if isinstance(part.reads, str) else dict(part.reads)
    undefined = {name: part.undefined(name) for name in better}
    words = {"settings": settings, "better": better, "reads": reads, "truth": truth, "undefined": undefined}
    return {**_part_card(part), **words, "chance": part.chance_of(settings)}
