"""How long methods of ours and of captum take for the same samples, budgets and network.

Run as `python tests/speed/against_captum.py [REPEATS] [NAME]…`. One process, one thread; ours and theirs take turns, so
that whatever else the machine does falls on both; seconds are those of the processor. Both ask through the same gate.
Captum explains one sample at a time where its method can do no more; it is measured with its own default, one
perturbation a pass, and with many. Prints a Markdown table.
"""

import sys
import time
from collections.abc import Callable, Iterator
from statistics import median

import torch
from captum._utils.models.linear_model import SkLearnRidge
from captum.attr import KernelShap, Lime
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, grid_units, methods, models, tasks
from heatproof.benchmark.harness import Asked, explain

BUDGET = 1000
TOGETHER = (1, 50)
"""The perturbations that captum puts in a pass: its default, and many."""
Theirs = Callable[[Gate, Batch, int], None]


def pictures() -> tuple[Gate, Batch]:
    """Return a small residual network, and pictures with a grid of 64 units."""
    coarse = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    x = nn.functional.interpolate(coarse, size=(64, 64), mode="bilinear")
    gate = Gate(models["creatures_resnet"].function())
    return gate, Batch(("0", "1"), x, gate.logits(x).argmax(1), grid_units(x, 8), torch.zeros_like(x))


def table() -> tuple[Gate, Batch]:
    """Return a multilayer perceptron, and rows of 30 columns."""
    task = tasks["cancer_columns@breast_cancer_mlp"]
    gate = task.gate()
    return gate, task.samples(gate, "test", 4)


def one_by_one(explainer: Callable[[Callable[[Tensor], Tensor]], Lime]) -> Theirs:
    """Return captum's answer to a batch, one sample after the other."""

    def ask(gate: Gate, batch: Batch, together: int) -> None:
        for i in range(len(batch)):
            x, target = batch.x[i : i + 1], batch.target[i]
            mask = batch.units[i : i + 1].reshape(1, *[1] * (x.ndim > 2), *x.shape[2:] or x.shape[1:]).expand(x.shape)
            explainer(lambda x, target=target: gate.score(x, target.expand(len(x)))).attribute(
                x,
                baselines=batch.baseline[i : i + 1],
                feature_mask=mask,
                n_samples=BUDGET,
                perturbations_per_eval=together,
            )

    return ask


THEIRS: dict[str, Theirs] = {
    "lime": one_by_one(lambda score: Lime(score, interpretable_model=SkLearnRidge(alpha=1.0))),
    "kernel_shap": one_by_one(KernelShap),
}
"""By the name of ours: captum's answer to a batch, with so many perturbations in a pass."""


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def seconds(work: Callable[[], object]) -> float:
    """Return what something takes of the processor."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measured(names: list[str], repeats: int) -> Iterator[tuple[str, str, float, list[float]]]:
    """Yield the name, the network's kind, and the median seconds per sample of ours and of theirs, in turns."""
    for name in names:
        for make in (table, pictures):
            gate, batch = make()
            asked = Asked(methods[name], {"budget": BUDGET})
            rounds = [
                [seconds(lambda: explain(asked, gate, batch))]  # noqa: B023 - called at once
                + [seconds(lambda: THEIRS[name](gate, batch, together)) for together in TOGETHER]  # noqa: B023
                for _ in range(repeats)
            ]
            ours, *theirs = (median(column) / len(batch) for column in zip(*rounds, strict=True))
            yield name, make.__name__, ours, theirs


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    words = sys.argv[1:]
    repeats = int(words.pop(0)) if words and words[0].isdigit() else 3
    heads = " | ".join(f"captum, {together} a pass, ms | times ours" for together in TOGETHER)
    say(f"| method | on | ours, ms | {heads} |\n|{' --- |' * (3 + 2 * len(TOGETHER))}")
    for name, where, ours, theirs in measured(words or list(THEIRS), repeats):
        numbers = " | ".join(f"{1000 * each:.1f} | {each / ours:.1f}" for each in theirs)
        say(f"| {name} | {where} | {1000 * ours:.1f} | {numbers} |")


if __name__ == "__main__":
    main()
