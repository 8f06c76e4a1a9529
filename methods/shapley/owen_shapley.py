"""Owen values."""

from torch import Tensor

from ...benchmark import Game, method
from .._budget import demand
from ._tree import Tree, centres, depth_and_bill, halved


@method(paper="doi:10.1007/978-3-642-45494-3_7", passes=lambda units, budget: (depth_and_bill(units, budget)[1], 0))
def owen_shapley(game: Game, x: Tensor, *, budget: int = 2732) -> Tensor:
    """Owen values: Shapley values over those orders alone that keep the branches of a tree of the units together.

    Neighbours are together: the tree halves space, along the longer axis, or a row of columns. It is divided as deep as
    the budget lets it be everywhere, and below that units share alike (as shap's partition explainer does); the default
    is enough for the exact values of 64 units.
    """
    demand(budget, min(2 * game.players, 4), "owen_shapley")
    order = halved(centres(game.units, tuple(x.shape[2:] or x.shape[1:])))
    tree = Tree(game, order)
    values = tree.values(tree.root(), depth_and_bill(game.players, budget)[0])
    return values.gather(1, order.argsort(1))
