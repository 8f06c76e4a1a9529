"""Admission: whether a task may count for a ranking, by checks that are made once for each version of it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch

from .checks._siblings import siblings
from .checks._task_figures import Figures
from .checks.oracles import holder
from .checks.task_checks import SAMPLES, Subject
from .data import Record
from .identity import code_of, digest
from .question import Task, tasks
from .store import Store
from .suite import Suite

ADMISSION = "admission"
"""The name under which its records stand in the place of a metric."""
NETWORK, CHEAT, DISTORTED, AMORTISED = "network", "cheat", "distorted truth", "class mean"
"""The kinds of answers that are tried."""


def admission_keys(suite: Suite, networks: Path | None = None) -> dict[str, str]:
    """Return where the admission of each task of a suite is kept; none where the suite does not ask for it."""
    asked = (tasks[name].at(networks) for name in suite.tasks) if suite.admission else ()
    return {task.name: admission_key(task) for task in asked if task.knows and not task.absent}


def admission_key(task: Task) -> str:
    """Return the hash of what the admission of a task depends on: the task, its score, the checks, other networks."""
    others = sorted(other.version for other in siblings(task))
    judged = code_of(holder(task.headline).function)
    return digest(ADMISSION, task.version, judged, code_of(Subject), SAMPLES, others)


def admission(task: Task, samples: int = SAMPLES) -> Record:
    """Put a task to its checks: the record says what each answer scores, and for which reason it may not count.

    Its ids are the answers that were tried, `kind: name`; the scores are from 0 (random maps) to 1 (the truth).
    """
    subject = Subject(task, samples)
    failed = [check for _, ask in subject.checks if not (check := ask()).passed]
    reason = failed[0].reason if failed else ""
    try:
        tried = dict(_tried(subject.figures))
    except Exception:  # noqa: BLE001 - the checks have said so
        tried = {}
    values = torch.tensor(list(tried.values()), dtype=torch.float64)
    return Record(task.name, "", ADMISSION, 0, "ok", reason, tuple(tried), {"z": values})


def _tried(found: Figures) -> Iterator[tuple[str, float]]:
    gap = found.gap or torch.nan
    for name, lead in found.above.items():
        yield f"{DISTORTED}: {name}", 1 + lead / gap
    for kind, scores in ((NETWORK, found.networks), (CHEAT, found.cheats)):
        yield from ((f"{kind}: {name}", score) for name, score in scores.items())
    yield f"{AMORTISED}: other samples of the class", found.amortised


def check_tasks(
    names: Iterable[str], store: Store, keys: Mapping[str, str], networks: Path | None = None
) -> Iterator[str]:
    """Put tasks to their checks and keep what comes of it, and say which is done."""
    for name in names:
        store.put_record(keys[name], admission(tasks[name].at(networks)))
        yield f"the checks of {name}"


def admissions(suite: Suite, store: Store, shipped: Mapping[str, Record]) -> dict[str, Record | None]:
    """Return what is known of the tasks of a suite that asks for admission; None: to be checked."""
    keys = admission_keys(suite)
    known = store.records(keys.values())
    return {task: known[key] or shipped.get(key) for task, key in keys.items()}
