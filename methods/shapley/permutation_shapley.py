"""Permutation Shapley values."""

import torch
from torch import Tensor

from ...benchmark import Game, Rng, method
from .._budget import demand
from ._orders import affordable, evaluations, places


@method(paper="arXiv:2104.12199", passes=lambda units, budget: (evaluations(units, budget), 0))
def permutation_shapley(game: Game, rng: Rng, *, budget: int = 1262) -> Tensor:
    """Shapley values of the units: the mean of what each adds to those before it, over random orders (Castro 2009).

    Orders come in pairs with their reverses, and what they add is complete. The default budget buys ten pairs for 64
    units, as many as the package shap takes.
    """
    units = game.players
    demand(budget, units + 1, "permutation_shapley")
    if units == 1:
        return (game.full - game.empty)[:, None]
    place = places(rng, units, affordable(units, budget))
    before = place[:, :, None] < torch.arange(1, units)[:, None]
    between = game.scores(before.flatten(1, 2)).reshape(*place.shape[:2], units - 1)
    ends = (end[:, None, None].expand(-1, place.shape[1], 1) for end in (game.empty, game.full))
    worth = torch.cat([next(ends), between, next(ends)], 2)
    return worth.diff(dim=2).gather(2, place).mean(1)
