"""The maps that a run has scores of and does not hold, made again: stored baselines come without theirs."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from ..benchmark import Refused
from ..benchmark.data import Cost
from ..benchmark.harness import explain
from ..benchmark.plan import Cell, plan
from ..benchmark.results import Results
from ..benchmark.splits import is_drawn
from ..benchmark.store import Maps
from ..benchmark.suite import Suite
from ._run_maps import explanations

Progress: TypeAlias = Callable[[int, int, str], None]


def missing_maps(results: Results, task: str | None = None) -> dict[str, tuple[Cell, Cost]]:
    """Return what to explain again, the first repeat, and what it cost the first time; by the hash of the maps.

    Only methods of the suite, by the same code and on the same samples: what has changed since is not among them. A
    verified run has no baselines, and makes maps that were lost again itself.
    """
    if is_drawn(results.seeds.split):
        return {}
    keys = explanations(results)
    cost = {
        keys[record.task, record.method]: record.explained
        for record in results.records
        if record.status == "ok" and record.seed == 0 and task in (None, record.task)
    }
    lost = {key for key in cost if key not in results.store}
    cells = plan(Suite.model_validate(results.manifest["suite"])) if lost else ()
    return {cell.explanation: (cell, cost[cell.explanation]) for cell in cells if cell.explanation in lost}


def explain_again(
    results: Results,
    missing: Mapping[str, tuple[Cell, Cost]],
    progress: Progress = lambda done, total, what: None,
) -> None:
    """Make maps again and keep them in the run; what a method refuses stays missing."""
    for place, (key, (cell, _)) in enumerate(missing.items()):
        progress(place, len(missing), f"explaining again: {cell.method.part.name} on {cell.task.model.name}")
        batch = cell.task.questions(cell.split, cell.size)
        try:
            maps, cost = explain(cell.method, cell.task.gate(), batch)
        except Refused:
            continue
        results.store.put_maps(key, Maps(batch.ids, maps, cost))


def cost_of(missing: Mapping[str, tuple[Cell, Cost]]) -> str:
    """Say in one line what is explained again, and at what cost."""
    costs = [cost for _, cost in missing.values()]
    forward, backward = sum(cost.forward for cost in costs), sum(cost.backward for cost in costs)
    return (
        f"explaining again {len(missing)} times, for stored baselines come without maps: {forward:,} passes forward "
        f"and {backward:,} backward, {sum(cost.seconds for cost in costs) / 60:.1f} minutes where they were made"
    )
