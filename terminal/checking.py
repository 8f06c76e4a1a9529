"""Checking parts by name, one after the other."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..benchmark import import_file, methods, metrics
from ..benchmark.checks import Check, NamedCheck, method_checks, metric_checks
from ..peers import Peer, conformance
from ..peers import find as find_peers
from .screen import progress


def check_parts(kind: str, names: Sequence[str]) -> dict[str, list[Check]]:
    """Check methods or metrics, all of them if none is named."""
    return dict(_shown([*_named(kind, names or [*(methods if kind == "methods" else metrics)])]))


def _named(kind: str, asked: Iterable[str]) -> Iterator[tuple[str, list[NamedCheck]]]:
    """Name the checks of registered parts, and of all that a file defines."""
    for name in asked:
        module = import_file(Path(name)) if name.endswith(".py") else None
        if kind == "methods":
            for method in methods.from_module(module) if module else [methods[name]]:
                yield method.name, method_checks(method)
        else:
            for metric in metrics.from_module(module) if module else [metrics[name]]:
                yield metric.name, metric_checks(metric)


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
