"""KernelSHAP."""

from torch import Tensor

from ...benchmark import Game, Rng, method
from ._kernel import coalitions, constrained_least_squares, evaluations


@method(paper="arXiv:1705.07874", passes=lambda units, budget: (evaluations(units, budget), 0))
def kernel_shap(game: Game, rng: Rng, *, budget: int = 512) -> Tensor:
    """Shapley values of the units by weighted least squares over `budget` coalitions; exact where all of them fit.

    The default budget is ours.
    """
    present, weight = coalitions(rng, game.players, budget)
    worth = game.scores(present) - game.empty[:, None]
    return constrained_least_squares(present, weight, worth, game.full - game.empty)
