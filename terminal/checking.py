"""Checking parts by name, one after the other."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from ..benchmark import Entry, Registry, import_file, methods, metrics, tasks
from ..benchmark.checks import Check, NamedCheck, method_checks, metric_checks, task_checks
from ..peers import Peer, conformance
from ..peers import find as find_peers
from .screen import progress

EntryT = TypeVar("EntryT", bound=Entry)


KINDS = "methods", "metrics", "tasks"


def check_parts(kind: str, names: Sequence[str], samples: int) -> dict[str, list[Check]]:
    """Check methods, metrics or tasks, all of them if none is named; a task on its first `samples`."""
    if kind == "methods":
        named = [(method.name, method_checks(method)) for method in _asked(methods, names)]
    elif kind == "metrics":
        named = [(metric.name, metric_checks(metric)) for metric in _asked(metrics, names)]
    else:
        named = [(task.name, task_checks(task, samples)) for task in _asked(tasks, names)]
    return dict(_shown(named))


def _asked(registry: Registry[EntryT], names: Sequence[str]) -> Iterator[EntryT]:
    """Return registered parts, and all that a file defines."""
    for name in names or registry:
        if not name.endswith(".py"):
            yield registry[name]
        elif found := registry.from_module(import_file(Path(name))):
            yield from found
        else:
            raise ValueError(
                f"{name} registers no {registry.kind}: decorate a function with @heatproof.{registry.kind}"
            )


def check_peers(libraries: Iterable[str], names: Sequence[str]) -> list[tuple[Peer, list[Check]]]:
    """Check the metrics of other libraries."""
    chosen = [each for library in libraries for each in conformance.named_peers(find_peers(library), names)]
    named = [(each.theirs, conformance.peer_checks(each)) for each in chosen]
    return [(each, checks) for each, (_, checks) in zip(chosen, _shown(named), strict=True)]


def _shown(named: Sequence[tuple[str, list[NamedCheck]]]) -> Iterator[tuple[str, list[Check]]]:
    """Run checks part by part, and show how far it got."""
    with progress("checking") as report:
        for place, (name, checks) in enumerate(named):
            report(place, len(named), name)
            yield name, [outcome() for _, outcome in checks]
