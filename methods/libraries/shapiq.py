"""Methods of shapiq, which are asked about the game of the units."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...benchmark import Game, Rng, method
from .._budget import demand
from ._library import asking, each, worth


@method(library="shapiq", paper="arXiv:1705.07874", passes=lambda units, budget: (min(budget, 2**units), 0))
def kernel_shap(game: Game, rng: Rng, *, budget: int = 512) -> Tensor:
    """KernelSHAP of shapiq."""
    demand(budget, 4, "kernel_shap@shapiq")
    return _estimated("KernelSHAP", game, rng, min(budget, 2**game.players))


@method(
    library="shapiq",
    paper="arXiv:2104.12199",
    passes=lambda units, budget: (2 + ((budget - 2) // (units - 1) * (units - 1) if units > 1 else 0), 0),
)
def permutation_shapley(game: Game, rng: Rng, *, budget: int = 1262) -> Tensor:
    """PermutationSamplingSV of shapiq."""
    demand(budget, game.players + 1, "permutation_shapley@shapiq")
    return _estimated("PermutationSamplingSV", game, rng, budget)


def _estimated(name: str, game: Game, rng: Rng, budget: int) -> Tensor:
    with asking("shapiq") as library:

        def explain(one: slice) -> Tensor:
            estimator: Any = getattr(library(""), name)(game.players, random_state=np.random.randint(2**31))
            return torch.from_numpy(estimator.approximate(budget, worth(game, one)).get_n_order_values(1))

        return each(rng, explain)
