"""LIME."""

from torch import Tensor

from ...benchmark import Game, Rng, method
from .._budget import demand
from ._engine import OfUnits, squared_error
from ._neighbourhoods import Asked, bernoulli


@method(paper="arXiv:1602.04938", passes=lambda budget: (budget, 0))
def lime(game: Game, rng: Rng, *, budget: int = 1000, width: float = 0.25, ridge: float = 1.0) -> Tensor:
    """The weights of a ridge regression of the score on which units are left, near inputs counting more.

    Draws, settings and the exponential kernel of the cosine distance between masks are those of the authors' code for
    pictures, without its choice of features; a distance between inputs would depend on what hides a unit.
    """
    demand(budget, 2, "lime")
    asked = Asked(rng, budget, game.players, width=width)
    return squared_error(OfUnits(game), bernoulli(asked), ridge=ridge)
