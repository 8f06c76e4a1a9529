"""Exact Shapley values."""

from torch import Tensor

from ...benchmark import Game, Refused, method
from ._kernel import constrained_least_squares, every_coalition


@method(paper="arXiv:1705.07874", passes=lambda units: (2**units, 0))
def exact_shapley(game: Game, *, budget: int = 2**16) -> Tensor:
    """The Shapley values of the units, from all 2^U coalitions (the kernel's least squares, which are then exact).

    Refused where they do not fit the budget; the default is enough for 16 units.
    """
    if 2**game.players > budget:
        raise Refused(
            f"the exact values of {game.players} units take {2**game.players} passes, the budget is {budget}: "
            "use kernel_shap or permutation_shapley, or coarser units"
        )
    present, weight = every_coalition(game.players)
    worth = game.scores(present.expand(len(game.empty), -1, -1)) - game.empty[:, None]
    return constrained_least_squares(present, weight, worth, game.full - game.empty)
