"""Infidelity without scaling."""

from torch import Tensor

from ...benchmark import Game, Rng, metric, unit_count
from ._subsets import subset_count, subset_effects, subset_size


@metric(
    better="lower",
    scale_free=False,
    paper="arXiv:1901.09392",
    passes=lambda subsets, size, units: (1 + subset_count(units, subset_size(units, size), subsets), 0),
)
def infidelity_raw(
    game: Game, units: Tensor, attribution: Tensor, rng: Rng, *, subsets: int = 64, size: float = 0.2
) -> Tensor:
    """The mean squared error of the relevance in a subset of units as a forecast of what hiding it does.

    Yeh et al. 2019, definition 2.1, with the subsets of `subset_correlations`, whose `infidelity` scales the map first.
    In squared units of the score; 0 for the effects of an additive model. Maps that are no effects, such as gradients
    or class activation maps, are on another scale, and this score says so.
    """
    forecast, fall = subset_effects(game, units, attribution, rng, subset_size(unit_count(units), size), subsets)
    return (forecast - fall).square().mean(1)
