"""The time of captum's `Lime`, `KernelShap` and `Occlusion` against ours, for as many passes of a network.

Run as `python tests/speed/against_captum.py [REPEATS]`. Ours and captum's take turns in one process, on one thread, so
that whatever else the machine does falls on both; measured is how long the processor is busy. Captum asks the bare
module, as its users do, with its default of one copy a pass and with as many as ours has, about.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from captum._utils.models.linear_model import SkLearnRidge
from captum.attr import KernelShap, Lime, Occlusion
from torch import Tensor

from heatproof.benchmark import Batch, Gate, grid_units, methods, models
from heatproof.benchmark.harness import Asked, explain
from heatproof.benchmark.memory import keep_memory

SAMPLES, SIDE, PATCH, BUDGET = 16, 64, 8, 512
TOGETHER = (1, 64)
"""The most inputs that captum may put into a pass; `Occlusion` has at least one of every picture in it."""


Ask = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Race:
    """One method, ours and captum's, for the same number of passes."""

    name: str
    settings: dict[str, object]
    theirs: Callable[[Ask, Batch, int], Tensor]


def pictures() -> Batch:
    """Return pictures with a grid of 64 units."""
    x = torch.rand(SAMPLES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    ids = tuple(map(str, range(SAMPLES)))
    return Batch(ids, x, torch.arange(SAMPLES) % 10, grid_units(x, PATCH), torch.full_like(x, 0.5))


def kernel_shap(probabilities: Ask, batch: Batch, together: int) -> Tensor:
    """Let captum's KernelShap explain; its first two coalitions are the two ends."""
    return _one_by_one(KernelShap(probabilities), batch, together)


def lime(probabilities: Ask, batch: Batch, together: int) -> Tensor:
    """Let captum's Lime explain by ridge regression."""
    return _one_by_one(Lime(probabilities, interpretable_model=SkLearnRidge(alpha=1.0)), batch, together)


def _one_by_one(explainer: Lime, batch: Batch, together: int) -> Tensor:
    """Let captum explain one picture after the other, as it advises."""
    units = batch.units.reshape(SAMPLES, 1, SIDE, SIDE).expand_as(batch.x)
    maps = [
        explainer.attribute(
            batch.x[i : i + 1],
            baselines=batch.baseline[i : i + 1],
            target=int(batch.target[i]),
            feature_mask=units[i : i + 1],
            n_samples=BUDGET,
            perturbations_per_eval=together,
        )
        for i in range(SAMPLES)
    ]
    return torch.cat(maps)


def occlusion(probabilities: Ask, batch: Batch, together: int) -> Tensor:
    """Let captum slide the same windows, 15 a side, over all pictures."""
    maps: Tensor = Occlusion(probabilities).attribute(
        batch.x,
        sliding_window_shapes=(3, 8, 8),
        strides=(3, 4, 4),
        baselines=batch.baseline,
        target=batch.target,
        perturbations_per_eval=max(1, together // SAMPLES),
    )
    return maps


RACES = (
    Race("lime", {"budget": BUDGET}, lime),
    Race("kernel_shap", {"budget": BUDGET}, kernel_shap),
    Race("occlusion", {}, occlusion),
)


def seconds(work: Callable[[], object]) -> float:
    """Return how long work keeps the processor busy: the time of others does not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def ratios(race: Race, together: int, repeats: int) -> str:
    """Let both take turns and say what came out."""
    network, batch, asked = models["creatures_resnet"].function(), pictures(), Asked(methods[race.name], race.settings)
    gate, theirs = Gate(network), [0]

    def probabilities(x: Tensor) -> Tensor:
        theirs[0] += len(x)
        with torch.no_grad():
            return network.module(x).softmax(1)

    def own() -> int:
        return explain(asked, gate, batch)[1].forward

    def other() -> int:
        theirs[0] = 0
        race.theirs(probabilities, batch, together)
        return theirs[0]

    counts = own(), other()
    rounds = [[seconds(work) for work in (own, other)] for _ in range(repeats)]
    middle = [median(column) for column in zip(*rounds, strict=True)]
    return (
        f"{race.name}: ours {middle[0]:.2f} s for {counts[0]} passes; captum's, {together} inputs a pass, "
        f"{middle[1]:.2f} s for {counts[1]}; ratio {median(row[1] / row[0] for row in rounds):.2f} "
        f"(median of {repeats} rounds); load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    keep_memory()
    torch.set_num_threads(1)
    for race in RACES:
        for together in TOGETHER:
            line = ratios(race, together, int(sys.argv[1]) if len(sys.argv) > 1 else 5)
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
