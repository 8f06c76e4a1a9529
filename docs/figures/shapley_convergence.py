"""Convergence of the estimators of Shapley values to the exact ones, drawn to `docs/shapley_convergence.png`.

Run as `python docs/figures/shapley_convergence.py`. The network and its samples are made from a fixed seed, so that the
figure is always the same; a test fits the slopes of the same numbers.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Game, Gate, Network, Rng, column_units, methods

UNITS, SAMPLES = 14, 60
ESTIMATORS = ("kernel_shap", "permutation_shapley")
BUDGETS = (262, 522, 1042, 2082, 4162, 8322)
"""Whole pairs of orders, and fewer passes than there are coalitions: all 16384 of them would be exact."""

Errors = dict[str, tuple[list[int], list[float]]]


def question() -> tuple[Gate, Batch]:
    """Return a network whose columns interact, and random rows of a table."""
    stream = torch.Generator().manual_seed(7)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = nn.Sequential(
            nn.Linear(UNITS, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 3)
        ).double()
    with torch.no_grad():
        for layer in network[::2]:
            layer.weight.mul_(4)
    x = torch.randn(SAMPLES, UNITS, generator=stream).double()
    ids = tuple(map(str, range(SAMPLES)))
    batch = Batch(ids, x, torch.arange(SAMPLES) % 3, column_units(x), torch.zeros_like(x))
    return Gate(Network(network)), batch


def errors() -> Errors:
    """Return, for each estimator, its budgets and the error of its values, as a share of the values' own size."""
    game = Game(*question())
    exact: Tensor = methods["exact_shapley"].function(game)
    size = exact.square().mean().sqrt()
    found: Errors = {}
    for name in ESTIMATORS:
        estimates = [methods[name].function(game, Rng(range(SAMPLES)), budget=budget) for budget in BUDGETS]
        shares = [((values - exact).square().mean().sqrt() / size).item() for values in estimates]
        found[name] = list(BUDGETS), shares
    return found


def slope(budgets: list[int], shares: list[float]) -> float:
    """Return the power of the budget with which an error falls."""
    return float(np.polyfit(np.log(budgets), np.log(shares), 1)[0])


def draw(path: Path) -> None:
    """Draw the errors over the budgets, both on logarithmic axes."""
    figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
    for name, (budgets, shares) in errors().items():
        axes.loglog(budgets, shares, marker="o", label=f"{name}, slope {slope(budgets, shares):.2f}")
    budgets = np.array(BUDGETS)
    axes.loglog(budgets, shares[0] * (budgets / budgets[0]) ** -0.5, "k:", label="one over the root of the budget")
    axes.set(
        xlabel="passes per sample", ylabel="error, as a share of the values", title=f"Shapley values of {UNITS} units"
    )
    axes.set_xticks(BUDGETS, map(str, BUDGETS))
    axes.set_yticks([0.03, 0.05, 0.1, 0.2], ["3%", "5%", "10%", "20%"])
    axes.minorticks_off()
    axes.legend(loc="lower left")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    draw(Path(__file__).parents[1] / "shapley_convergence.png")
