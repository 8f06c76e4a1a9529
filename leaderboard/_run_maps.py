"""The stored maps of a run as relevance of units, once for each set of samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from ..benchmark import Batch, Refused, UnknownName, tasks
from ..benchmark.jobs import preview_key
from ..benchmark.results import Results
from ._rank_agreement import Floats, unit_relevance, unit_scale


@dataclass(frozen=True, slots=True)
class RunMaps:
    """The methods' maps of the samples that some tasks share; `left_out` says why a method is not among them."""

    tasks: tuple[str, ...]
    ids: tuple[str, ...]
    methods: tuple[str, ...]
    relevance: Floats
    """(N, M, U), in parts of each map's largest magnitude."""
    scale: Floats
    """That magnitude, (N, M)."""
    left_out: Mapping[str, str]


def run_maps(results: Results, task: str | None) -> list[RunMaps]:
    """Return the maps on one task, or on each set of samples; fewer than two methods are an error, or left out."""
    found = [_maps(results, names) for names in sample_sets(results, task)]
    if not any(group.ids for group in found):
        raise ValueError(f"{results.folder} has no maps: {next(iter(found[0].left_out.values()))}")
    if (most := max(len(group.methods) for group in found)) < 2:
        raise ValueError(
            f"agreement is between two methods or more, but {results.folder} has maps of {most} at most"
            f"{' on ' + task if task else ''}: run the whole suite there"
        )
    return found


def sample_sets(results: Results, task: str | None) -> list[tuple[str, ...]]:
    """The tasks, those together that ask about the same samples of the same network; or the one that is named."""
    cards = results.manifest["tasks"]
    if task is not None and task not in cards:
        close = get_close_matches(task, cards, n=3, cutoff=0.5)
        raise UnknownName(
            f"{results.folder} has no task {task!r}: "
            + (f"did you mean {' or '.join(close)}?" if close else f"choose among {', '.join(cards)}")
        )
    groups: dict[str, list[str]] = {}
    for name in cards if task is None else [task]:
        groups.setdefault(cards[name]["preview"], []).append(name)
    return [tuple(group) for group in groups.values()]


def _maps(results: Results, names: tuple[str, ...]) -> RunMaps:
    keys = explanations(results)
    nothing = np.empty((0, 0, 0)), np.empty((0, 0))
    try:
        batch = samples_of(results, names[0])
    except Refused as reason:
        return RunMaps(names, (), (), *nothing, dict.fromkeys(results.manifest["methods"], str(reason)))
    found, left_out = {}, {}
    for method in results.manifest["methods"]:
        if len({keys[name, method] for name in names}) > 1:
            left_out[method] = "its maps differ between the tasks on these samples: name one of them"
        elif (stored := results.maps(names[0], method)) is None:
            left_out[method] = "no maps of it are stored (failed, impossible, or not run here)"
        else:
            rows = [stored.ids.index(name) for name in batch.ids]
            maps = stored.values[rows]
            found[method] = unit_relevance(maps, batch.units), unit_scale(maps, batch.units)
    relevance, scale = (np.stack(parts, axis=1) for parts in zip(*found.values(), strict=True)) if found else nothing
    return RunMaps(names, batch.ids, tuple(found), relevance, scale, left_out)


def explanations(results: Results) -> dict[tuple[str, str], str]:
    """Where the maps of each (task, method) are stored, of the first repeat."""
    return {(task, method): key for task, method, _, repeat, _, key, _ in results.manifest["cells"] if repeat == 0}


def samples_of(results: Results, task: str) -> Batch:
    """The samples of a task, for their units; an error if they are not those of the run, Refused if there are none."""
    card, asked = results.manifest["tasks"][task], tasks[task].at(results.networks)
    if asked.absent:
        raise Refused(asked.absent)
    if preview_key(asked, card["samples"], results.seeds.split) != card["preview"]:
        raise ValueError(
            f"{results.folder} has other samples of {task}, or other code or weights behind them: run it again"
        )
    return asked.samples(asked.gate(), results.seeds.split, card["samples"])
