"""The cost of watching a part at work, against the passes of one batch: `python tests/speed/guard.py [REPEATS]`.

`shipped` is the look at the code of this package, `stranger` the closer one at code from outside.
"""

import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import nn

from heatproof.benchmark import Batch, Network, grid_units, tasks
from heatproof.benchmark.guard import watched

TASKS = ("linear", "cancer_columns@breast_cancer_mlp", "part_shapley@creatures_resnet", "part_shapley@creatures_vit")
SIZE = 48
WIDTH, DEPTH = 1024, 24
"""A network of 100 MB."""


def cases() -> dict[str, tuple[Network, Batch]]:
    """Return networks of shipped tasks and a large one, each with a batch."""
    shipped = {name: (tasks[name].gate().network, tasks[name].questions("test", SIZE)) for name in TASKS}
    layers = [layer for _ in range(DEPTH) for layer in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
    x = torch.rand(SIZE, 1, 32, 32)
    batch = Batch(tuple(map(str, range(SIZE))), x, torch.zeros(SIZE).long(), grid_units(x, 4), torch.zeros_like(x))
    return {**shipped, "100 MB": (Network(nn.Sequential(nn.Flatten(), *layers).eval()), batch)}


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median time of some work."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def main(repeats: int) -> None:
    """Measure each case, the guard and the passes in turns."""
    for name, (network, batch) in cases().items():

        def watch(strict: bool, network: Network = network, batch: Batch = batch) -> None:
            with watched(network, batch, strict=strict):
                pass

        passes = seconds(lambda network=network, batch=batch: network.logits(batch.x), repeats)
        shipped, stranger = (seconds(lambda strict=strict: watch(strict), repeats) for strict in (False, True))
        sys.stdout.write(
            f"{name}: {SIZE} passes {passes * 1000:.1f} ms; watching shipped {shipped * 1000:.1f} ms "
            f"({shipped / passes:.2f} times), stranger {stranger * 1000:.1f} ms ({stranger / passes:.2f} times)\n"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
