"""The time of `perturbation_curves` against that of the bare forward passes that it makes.

Run as `python tests/speed/perturbation_curves.py [REPEATS]`. The metric and the same number of inputs through the same
network, in the same batches, take turns in one process, so that whatever else the machine does falls on both. Freed
memory stays with the process, for both alike, as in every run.
"""

import os
import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from heatproof.benchmark import Batch, Gate, grid_units, metrics, models
from heatproof.benchmark.harness import Asked, score
from heatproof.benchmark.memory import keep_memory

SAMPLES, SIDE, PATCH = 32, 64, 8


def questions() -> tuple[Batch, Tensor]:
    """Return pictures with a grid of 64 units, and maps without ties."""
    x = torch.rand(SAMPLES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    ids = tuple(map(str, range(SAMPLES)))
    batch = Batch(ids, x, torch.arange(SAMPLES) % 10, grid_units(x, PATCH), torch.full_like(x, 0.5))
    return batch, torch.randn(SAMPLES, SIDE**2, generator=torch.Generator().manual_seed(2)).double()


def seconds(work: Callable[[], object]) -> float:
    """Return how long work keeps the processor busy: the time of others does not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def ratios(name: str, repeats: int) -> str:
    """Measure one network and say what came out."""
    network = models[name].function()
    gate, asked = Gate(network), Asked(metrics["perturbation_curves"], {})
    batch, maps = questions()
    ready = network.preprocess(batch.x)

    def measured() -> int:
        return score(asked, gate, batch, maps, None)[1].forward

    passes = measured()

    def bare(x: Tensor) -> None:
        with torch.no_grad():
            for _ in range(passes // SAMPLES):
                network.module(x)

    works = (lambda: bare(batch.x), lambda: bare(ready), measured)
    rounds = [[seconds(work) for work in works] for _ in range(repeats)]
    plain, prepared, metric = (median(column) for column in zip(*rounds, strict=True))
    each = [median(row[2] / row[i] for row in rounds) for i in (0, 1)]
    return (
        f"{name}: {passes} passes; metric {metric:.3f} s, bare {plain:.3f} s, bare in the gate's memory layout "
        f"{prepared:.3f} s; ratios {each[0]:.3f} and {each[1]:.3f} (median of {repeats} rounds); "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    keep_memory()
    torch.set_num_threads(1)
    for network in ("creatures_resnet", "creatures_vit"):
        sys.stdout.write(ratios(network, int(sys.argv[1]) if len(sys.argv) > 1 else 9) + "\n")
