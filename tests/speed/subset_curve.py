"""How good the orders of subset selection are for what they cost, on both embedded networks.

Run as `python tests/speed/subset_curve.py [--samples N] [--figure PATH]`. Insertion and deletion go unit by unit, over
the first N pictures of `test`, 64 patches each. A line per method: means, and paired 95 % t intervals of the difference
to greedy, which weighs consistency and collaboration equally. Passes are single inputs; seconds are those of the
processor, per picture.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from scipy.stats import t as student
from torch import Tensor

from heatproof.benchmark import Gate, methods, metrics, models
from heatproof.benchmark.harness import Asked, explain, score
from heatproof.benchmark.memory import keep_memory
from heatproof.datasets.creatures.tasks import NETWORKS, creature_scenes

GREEDY = "smdl[confidence=0,effectiveness=0]"
BUDGETS = 150, 200, 300, 416, 600, 832, 1600
OURS = tuple(f"lazy_subset[budget={budget}]" for budget in BUDGETS)
OTHERS = "lima", "random", "kernel_shap[budget=416]", "kernel_shap[budget=1600]", "smdl"
COLOURS = {"insertion": "tab:blue", "deletion": "tab:red"}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a method's orders are worth, per picture (N,), and what they cost."""

    insertion: Tensor
    deletion: Tensor
    passes: float
    seconds: float


def measure(name: str, network: str, samples: int) -> Measured:
    """Explain the pictures with one method, and follow its orders."""
    base, _, words = name.rstrip("]").partition("[")
    gate = Gate(models[network].function())
    batch, start = creature_scenes(gate, "test", samples), time.process_time()
    maps, cost = explain(Asked(methods[base].spelt(words), {}), gate, batch)
    taken = time.process_time() - start
    scores, _ = score(Asked(metrics["perturbation_curves"], {"steps": 64}), gate, batch, maps, None)
    return Measured(scores["insertion"], scores["deletion"], cost.forward / samples, taken / samples)


def beside(values: Tensor, others: Tensor) -> str:
    """Return the mean, and how far it is from the others' on the same pictures."""
    apart, count = (values - others).double(), len(values)
    half = student.ppf(0.975, count - 1) * float(apart.std()) / count**0.5
    return f"{float(values.mean()):.3f} ({float(apart.mean()):+.3f} ± {half:.3f})"


def line(name: str, found: Measured, greedy: Measured) -> str:
    """Say what came out for one method."""
    pairs = (found.insertion, greedy.insertion), (found.deletion, greedy.deletion)
    cells = "  ".join(f"{label} {beside(*pair)}" for label, pair in zip(COLOURS, pairs, strict=True))
    return f"  {name:36s} {found.passes:5.0f} passes  {cells}  {found.seconds:.2f} s"


def draw_network(axes: Axes, network: str, found: Mapping[str, Measured]) -> None:
    """Draw one network's panel: a line for ours, a point for each of the others."""
    marks = {GREEDY: "greedy", "smdl": "smdl", "lima": "lima", **dict.fromkeys(OTHERS[2:4], "kernel_shap")}
    for curve, colour in COLOURS.items():
        mean = {name: float(getattr(each, curve).mean()) for name, each in found.items()}
        ours = [found[name].passes for name in OURS]
        axes.plot(ours, [mean[name] for name in OURS], "o-", color=colour, ms=4, label=f"lazy_subset, {curve}")
        axes.axhline(mean["random"], color=colour, lw=0.8, ls=":", label=f"random order, {curve}")
        for name, shape in zip(marks, "*D^ss", strict=True):
            filled = colour if name == GREEDY else "white"
            axes.plot(
                found[name].passes, mean[name], shape, color=colour, mfc=filled, ms=8, zorder=2 + (name == GREEDY)
            )
    for label, shape in zip(("greedy", "smdl", "lima", "kernel_shap"), "*D^s", strict=True):
        axes.plot([], [], shape, color="grey", mfc="grey" if label == "greedy" else "white", ms=8, label=label)
    axes.set(xscale="log", title=network, xlabel="passes per picture (single inputs)", ylim=(0, 1))
    axes.set_xticks([150, 300, 600, 1200, 2400, 4800], labels=["150", "300", "600", "1200", "2400", "4800"])
    axes.minorticks_off()
    axes.grid(alpha=0.3)


def draw(table: Mapping[str, Mapping[str, Measured]], samples: int, path: Path) -> None:
    """Draw all networks beside each other."""
    figure, panels = plt.subplots(1, len(table), figsize=(11, 5), sharey=True, layout="constrained")
    for axes, (network, found) in zip(panels, table.items(), strict=True):
        draw_network(axes, network, found)
    panels[0].set_ylabel("area under the curve (share of 1)\ninsertion: more is better; deletion: less is better")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(f"Subset selection: quality against passes ({samples} pictures of test, 64 patches)")
    figure.savefig(path, dpi=120)


def table_of(samples: int, names: Sequence[str]) -> dict[str, dict[str, Measured]]:
    """Measure all methods on all networks, and print each line as it comes."""
    table: dict[str, dict[str, Measured]] = {}
    for network in NETWORKS:
        print(f"{network}, {samples} pictures", flush=True)  # noqa: T201
        found = table.setdefault(network, {})
        for name in names:
            found[name] = measure(name, network, samples)
            print(line(name, found[name], found[GREEDY]), flush=True)  # noqa: T201
    return table


if __name__ == "__main__":
    keep_memory()
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--figure", type=Path)
    told = parser.parse_args()
    measured = table_of(told.samples, (GREEDY, *OURS, *OTHERS))
    if told.figure:
        draw(measured, told.samples, told.figure)
