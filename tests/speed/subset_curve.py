"""The quality of the orders of subset selection for their cost, on both embedded networks.

Run as `python tests/speed/subset_curve.py [--samples N] [--beside METHOD] [--keep FILE.csv] [--figure FILE.png]`.
Insertion and deletion go unit by unit, over the first N pictures of `test`, 64 patches each. It prints the README's
table, a row per method: means, and the difference to the method `--beside`, by default greedy on consistency and
collaboration alone, with its paired 95 % t interval over pictures. Passes are single inputs, per picture. What is
measured is kept in a file, and is not measured again.
"""

import argparse
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from scipy.stats import t as student

from heatproof.benchmark import Batch, Gate, methods, metrics, models
from heatproof.benchmark.harness import Asked, explain, score
from heatproof.benchmark.memory import keep_memory
from heatproof.datasets.creatures.tasks import NETWORKS, creature_scenes

GREEDY = "smdl[confidence=0,effectiveness=0]"
OURS = tuple(f"lazy_subset[budget={budget}]" for budget in (200, 416, 832, 1600))
KERNEL_SHAP = "kernel_shap[budget=416]", "kernel_shap[budget=1600]"
NAMES = GREEDY, "smdl", "lima", *OURS, *KERNEL_SHAP, "random"
SHAPES = {GREEDY: "*", "smdl": "D", "lima": "^", **dict.fromkeys(KERNEL_SHAP, "s")}
COLOURS = {"insertion": "tab:blue", "deletion": "tab:red"}
PORTION = 10
"""Pictures that are explained, and kept, together."""


def measure(name: str, gate: Gate, batch: Batch) -> pd.DataFrame:
    """Explain pictures with one method, and follow its orders: insertion and deletion per picture, and passes."""
    base, _, words = name.rstrip("]").partition("[")
    maps, cost = explain(Asked(methods[base].spelt(words), {}), gate, batch)
    scores, _ = score(Asked(metrics["perturbation_curves"], {"steps": 64}), gate, batch, maps, None)
    columns = {label: scores[label].numpy() for label in COLOURS}
    return pd.DataFrame({"picture": batch.ids, "passes": cost.forward / len(batch), **columns})


def measured(samples: int, kept: Path) -> pd.DataFrame:
    """Measure all methods on the first pictures of both networks: network, method, picture, passes and the scores."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    table = pd.read_csv(kept) if kept.is_file() else pd.DataFrame(columns=["network", "method", "picture"])
    scenes = {name: creature_scenes(Gate(models[name].function()), "test", samples) for name in NETWORKS}
    for start in range(0, samples, PORTION):
        for network, name in product(NETWORKS, NAMES):
            known = {*table[(table["network"] == network) & (table["method"] == name)]["picture"]}
            ids = scenes[network].ids[start : start + PORTION]
            if missing := [place for place, picture in enumerate(ids, start) if picture not in known]:
                found = measure(name, Gate(models[network].function()), scenes[network].picked(missing))
                table = pd.concat([table, found.assign(network=network, method=name)], ignore_index=True)
                table.to_csv(kept, index=False)
    return table[table["picture"].isin(scenes[NETWORKS[0]].ids)]


def rows(table: pd.DataFrame, beside: str) -> Iterator[str]:
    """Say what came out, as a Markdown table."""
    yield "| network | method | passes | insertion ↑ | deletion ↓ |"
    yield "|---|---|---|---|---|"
    for (network, name), found in table.groupby(["network", "method"], sort=False):
        other = table[(table["network"] == network) & (table["method"] == beside)].set_index("picture")
        own = found.set_index("picture")
        cells = (_cell(own[label], None if name == beside else other[label]) for label in COLOURS)
        yield f"| {network} | `{name}` | {own['passes'].mean():.0f} | {' | '.join(cells)} |"


def _cell(values: "pd.Series[float]", others: "pd.Series[float] | None") -> str:
    """Return the mean, and how far it is from the others' on the same pictures."""
    if others is None:
        return f"{values.mean():.3f}"
    apart = values - others
    half = student.ppf(0.975, len(apart) - 1) * apart.sem()
    return f"{values.mean():.3f} ({apart.mean():+.3f} ± {half:.3f})"


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw both networks beside each other."""
    figure, panels = plt.subplots(1, len(NETWORKS), figsize=(11, 5), sharey=True, layout="constrained")
    means = table.groupby(["network", "method"])[["passes", *COLOURS]].mean()
    for axes, network in zip(panels, NETWORKS, strict=True):
        draw_network(axes, network, means.loc[network])
    panels[0].set_ylabel("area under the curve (share of 1)\ninsertion: more is better; deletion: less is better")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    pictures = table["picture"].nunique()
    figure.suptitle(f"Subset selection: quality against passes ({pictures} pictures of test, 64 patches)")
    figure.savefig(path, dpi=120)


def draw_network(axes: Axes, network: str, means: pd.DataFrame) -> None:
    """Draw one network's panel: a line for ours, a point for each of the others."""
    for curve, colour in COLOURS.items():
        ours = means.loc[[*OURS]]
        axes.plot(ours["passes"], ours[curve], "o-", color=colour, ms=4, label=f"lazy_subset, {curve}")
        axes.axhline(means.loc["random", curve], color=colour, lw=0.8, ls=":", label=f"random order, {curve}")
        for name, shape in SHAPES.items():
            top, filled = name == GREEDY, colour if name == GREEDY else "white"
            axes.plot(*means.loc[name, ["passes", curve]], shape, color=colour, mfc=filled, ms=8, zorder=2 + top)
    for label, shape in zip(("greedy", "smdl", "lima", "kernel_shap"), "*D^s", strict=True):
        axes.plot([], [], shape, color="grey", mfc="grey" if label == "greedy" else "white", ms=8, label=label)
    axes.set(xscale="log", title=network, xlabel="passes per picture (single inputs)", ylim=(0, 1))
    axes.set_xticks([150, 300, 600, 1200, 2400, 4800], labels=["150", "300", "600", "1200", "2400", "4800"])
    axes.minorticks_off()
    axes.grid(alpha=0.3)


def main(given: Sequence[str] | None = None) -> None:
    """Measure what is missing, print the table, and draw it where that is asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--beside", default=GREEDY, choices=NAMES)
    parser.add_argument("--keep", type=Path, default=Path("build/subset_curve.csv"))
    parser.add_argument("--figure", type=Path)
    told = parser.parse_args(given)
    table = measured(told.samples, told.keep)
    print("\n".join(rows(table, told.beside)))  # noqa: T201
    if told.figure:
        draw(table, told.figure)


if __name__ == "__main__":
    keep_memory()
    main()
