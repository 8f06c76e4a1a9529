"""The time of a subset selection against that of the bare forward passes that it makes.

Run as `python tests/speed/subset.py [METHOD] [REPEATS]`. The method, on 50 regions of each picture, and the same number
of inputs through the same network, in the same batches, take turns in one process. Seconds are those of the processor.
"""

import os
import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from heatproof.benchmark import Batch, Gate, methods, models
from heatproof.benchmark.gate import NUMBERS
from heatproof.benchmark.harness import Asked, explain
from heatproof.benchmark.memory import keep_memory

SAMPLES, SIDE, REGIONS = 32, 64, 50


def question() -> Batch:
    """Return pictures cut into ten rows of five regions."""
    x = torch.rand(SAMPLES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    place = torch.arange(SIDE)
    units = ((place * 10 // SIDE)[:, None] * 5 + place * 5 // SIDE).reshape(1, -1).expand(SAMPLES, -1)
    return Batch(tuple(map(str, range(SAMPLES))), x, torch.arange(SAMPLES) % 10, units, torch.full_like(x, 0.5))


def seconds(work: Callable[[], object]) -> float:
    """Return how long work keeps the processor busy: the time of others does not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def ratio(name: str, model: str, repeats: int) -> str:
    """Measure one method on one network and say what came out."""
    network, batch = models[model].function(), question()
    gate, asked = Gate(network), Asked(methods[name], {})
    # A game cuts its coalitions so that a pass holds about so many numbers.
    room = SAMPLES * max(1, NUMBERS // batch.x.numel())
    x = batch.x.repeat(room // SAMPLES, 1, 1, 1)
    passes = explain(asked, gate, batch)[1].forward

    def bare(prepared: Tensor) -> None:
        with torch.no_grad():
            for _ in range(passes // room):
                network.module(prepared)
            if rest := passes % room:
                network.module(prepared[:rest])

    ready = network.preprocess(x)
    rounds = [[seconds(lambda: bare(ready)), seconds(lambda: explain(asked, gate, batch))] for _ in range(repeats)]
    each = median(taken / plain for plain, taken in rounds)
    plain, taken = (median(column) for column in zip(*rounds, strict=True))
    return (
        f"{name} on {model}: {passes} passes; method {taken:.2f} s, bare {plain:.2f} s; ratio {each:.3f} (median of "
        f"{repeats} rounds); load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    keep_memory()
    torch.set_num_threads(1)
    for network in ("creatures_resnet", "creatures_vit"):
        method = sys.argv[1] if len(sys.argv) > 1 else "lima"
        sys.stdout.write(ratio(method, network, int(sys.argv[2]) if len(sys.argv) > 2 else 3) + "\n")
