"""The cost of a table of all scores that perturb: its passes against each score's own, its time against bare passes.

Run as `python tests/speed/whole_table.py [METHODS]`. The table has a row for each map of the same 16 pictures and a
column for each faithfulness score. Scores that come from the same passes are one function, and passes that are the same
for all maps are made once; the passes counted are those that the network really made. On their own, scores make the
passes that `alone` writes down. One thread; seconds are those of the processor; the bare passes are the same number of
pictures in batches of 16.
"""

import os
import sys
import time
from collections.abc import Mapping

import torch
from torch import Tensor

from heatproof.benchmark import Batch, Gate, Metric, grid_units, metrics, models
from heatproof.benchmark.game import Memory
from heatproof.benchmark.harness import Asked, score
from heatproof.benchmark.memory import keep_memory
from heatproof.metrics.faithfulness.perturbation_curves import SHARES, cut_count

SAMPLES, SIDE, PATCH = 16, 64, 8
UNITS = (SIDE // PATCH) ** 2
LEFT_OUT = {"irof": "superpixels of its own", "adcc": "explains again", "information_curves": "compresses pictures"}


def alone(part: Metric) -> Mapping[str, int]:
    """Return the passes per sample of each score of a metric, made for it alone."""
    bill = part.passes_of(part.settings, UNITS)
    whole = bill[0] if bill else 0
    one = cut_count(UNITS, 16) + 1
    known = {
        "perturbation_curves": {
            **dict.fromkeys(("insertion", "deletion", "insertion_normalised", "deletion_normalised", "aopc"), one),
            **dict.fromkeys(("monotonicity", "minimal_insertion", "minimal_deletion"), one),
            **{f"highest_confidence_{share}": one for share in SHARES},
            "relevance_gain": whole,
            "tied_units": 0,
        },
        "comprehensiveness": {"comprehensiveness": 6, "sufficiency": 6, "log_odds": 2},
        "road": {"road_morf": whole // 2, "road_lerf": whole // 2, "road_gap": whole},
        "prediction_gap": {"pgi": whole // 2 + 1, "pgu": whole // 2 + 1},
    }
    return known.get(part.name, dict.fromkeys(part.directions, whole))


def question() -> tuple[Gate, Batch, list[int]]:
    """Return the network, pictures with a grid of 64 units, and the list that collects the sizes of its passes."""
    x = torch.rand(SAMPLES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    gate = Gate(models["creatures_resnet"].function())
    ids, target = tuple(map(str, range(SAMPLES))), torch.arange(SAMPLES) % 10
    passes: list[int] = []
    gate.module.register_forward_hook(lambda module, given, answer: passes.append(len(given[0])))
    batch = Batch(ids, x, target, grid_units(x, PATCH), torch.full_like(x, 0.5), pool=x.flip(0))
    return gate, batch, passes


def seconds(parts: list[Metric], gate: Gate, batch: Batch, maps: list[Tensor]) -> float:
    """Make the table, and return how long it kept the processor busy."""
    memory, start = Memory(), time.process_time()
    for each in maps:
        for part in parts:
            score(Asked(part, {"imputer": "baseline"} if part.imputer else {}), gate, batch, each, None, memory)
    return time.process_time() - start


def bare(gate: Gate, x: Tensor, passes: int) -> float:
    """Make so many passes with the network alone, on inputs in the memory layout that the gate prepares."""
    ready = gate.network.preprocess(x)
    start = time.process_time()
    with torch.no_grad():
        for _ in range(passes // len(x)):
            gate.module(ready)
    return time.process_time() - start


def main(methods: int) -> None:
    """Measure, and say what came out."""
    keep_memory()
    torch.set_num_threads(1)
    gate, batch, passes = question()
    family = "heatproof.metrics.faithfulness"
    parts = [metrics[name] for name in metrics if metrics[name].function.__module__.startswith(family)]
    parts = [part for part in parts if part.name not in LEFT_OUT]
    noise = torch.Generator().manual_seed(2)
    maps = [torch.randn(SAMPLES, SIDE**2, generator=noise).double() for _ in range(methods)]
    own = methods * SAMPLES * sum(sum(alone(part).values()) for part in parts)
    seconds(parts, gate, batch, maps[:1])
    passes.clear()
    took = seconds(parts, gate, batch, maps)
    made = sum(passes)
    ratio = took / bare(gate, batch.x, made)
    scores = sum(len(part.directions) for part in parts)
    sys.stdout.write(
        f"{scores} scores of {len(parts)} metrics for {methods} maps of {SAMPLES} pictures: {made} passes, {own} if "
        f"each score made its own ({own / made:.1f} x); {took:.1f} s, {ratio:.2f} x the bare passes; "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n"
    )


if __name__ == "__main__":
    for count in map(int, sys.argv[1:] or ("1", "4", "13")):
        main(count)
