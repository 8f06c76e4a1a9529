"""Methods of shap. It is asked about the game itself, whose inputs are the units: 1 where one is left, 0 where not."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...benchmark import Game, Rng, method
from .._budget import demand
from ..shapley._tree import bills, centres, halved
from ._library import Array, asking, each, worth


def coalitions(units: int, budget: int) -> int:
    """Return how many coalitions between the ends are asked for: all, or no more than half, which it finds in time."""
    every = 1 << units
    return every - 2 if every <= budget else min(budget - 2, every // 2)


@method(library="shap", paper="arXiv:1705.07874", passes=lambda units, budget: (2 + coalitions(units, budget), 0))
def kernel_shap(game: Game, rng: Rng, *, budget: int = 512, features: int = 10) -> Tensor:
    """KernelExplainer of shap; as by default, at most ten units get a value (`features`; 0: all of them)."""
    demand(budget, 4, "kernel_shap@shap")
    asked = {"nsamples": coalitions(game.players, budget), "l1_reg": f"num_features({features})" if features else False}
    with asking("shap") as library:

        def explain(one: slice) -> Tensor:
            explainer = library("").KernelExplainer(worth(game, one), np.zeros((1, game.players)))
            return torch.from_numpy(explainer.shap_values(np.ones(game.players), silent=True, **asked))

        return each(rng, explain)


@method(
    library="shap",
    paper="arXiv:2104.12199",
    passes=lambda units, budget: (budget // (2 * units + 1) * (2 * units + 1), 0),
)
def permutation_shapley(game: Game, rng: Rng, *, budget: int = 1262) -> Tensor:
    """PermutationExplainer of shap; every order is passed both ways."""
    demand(budget, 2 * game.players + 1, "permutation_shapley@shap")
    with asking("shap") as library:

        def explain(one: slice) -> Tensor:
            nothing = library("maskers").Independent(np.zeros((1, game.players)))
            # Without a seed it would start the global state of numpy from the clock.
            explainer = library("").PermutationExplainer(worth(game, one), nothing, seed=np.random.randint(2**31))
            return _values(explainer, game.players, budget)

        return each(rng, explain)


def evaluations(units: int, budget: int) -> int:
    """Return the passes that are made for a budget: the two ends, and pairs for as much of the tree as it buys."""
    return 2 + min(sum(bills(units)), (budget - 2) // 2 * 2)


@method(
    library="shap",
    paper="doi:10.1007/978-3-642-45494-3_7",
    passes=lambda units, budget: (evaluations(units, budget), 0),
)
def owen_shapley(game: Game, x: Tensor, *, budget: int = 2732) -> Tensor:
    """PartitionExplainer of shap on our tree of the units, whose branches it divides by how much there is to share."""
    demand(budget, 4, "owen_shapley@shap")
    order = halved(centres(game.units, tuple(x.shape[2:] or x.shape[1:])))
    spent = evaluations(game.players, budget)
    with asking("shap") as library:

        def explain(one: slice) -> Tensor:
            nothing = np.zeros((1, game.players))
            tree = library("maskers").Partition(nothing, clustering=linkage(order[one][0].tolist()))
            return _values(library("").PartitionExplainer(worth(game, one), tree), game.players, spent)

        return each(Rng([0] * len(order)), explain)


def _values(explainer: Any, units: int, budget: int) -> Tensor:
    return torch.from_numpy(explainer(np.ones((1, units)), max_evals=budget, silent=True).values[0])


def linkage(order: list[int]) -> Array:
    """Return a tree that halves runs of units in an order, as scipy writes it: a row is a branch, the last the root."""
    rows: list[tuple[int, int, int, int]] = []

    def branch(run: list[int]) -> int:
        if len(run) == 1:
            return run[0]
        left, right = branch(run[: len(run) // 2]), branch(run[len(run) // 2 :])
        rows.append((left, right, len(run), len(run)))
        return len(order) + len(rows) - 1

    branch(order)
    return np.array(rows, dtype=np.float64)
