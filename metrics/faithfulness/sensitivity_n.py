"""Sensitivity-n."""

import torch
from torch import Tensor

from ...benchmark import Game, Rng, metric
from ._correlation import pearson
from ._subsets import subset_count, subset_effects


def subset_sizes(units: int, sizes: int) -> list[int]:
    """Return at most `sizes` numbers of units from one to all but one, evenly spaced."""
    room = max(units - 2, 0)
    return sorted({1 + room * step // max(sizes - 1, 1) for step in range(sizes)})


def _passes(subsets: int, sizes: int, units: int) -> tuple[int, int]:
    return 1 + sum(subset_count(units, size, subsets) for size in subset_sizes(units, sizes)), 0


@metric(better="higher", paper="arXiv:1711.06104", passes=_passes)
def sensitivity_n(
    game: Game, units: Tensor, attribution: Tensor, rng: Rng, *, subsets: int = 32, sizes: int = 6
) -> dict[str, Tensor]:
    """The correlation between the relevance in n units and the effect of hiding the n, on average over several n.

    Pearson's correlation over random subsets of each size, within one sample (Ancona et al. 2018): 1 for all
    n is what additivity would be. A size at which the sums of relevance, or the falls of the score, are all the same
    is left out; NaN where all are. The curve over the share of hidden units is kept beside the score, NaN there.
    """
    grid = subset_sizes(game.players, sizes)
    pairs = (subset_effects(game, units, attribution, rng, n, subsets) for n in grid)
    curve = torch.stack([pearson(*pair, game.rounding) for pair in pairs], 1)
    share = torch.tensor(grid, dtype=torch.float64) / game.players
    return {"sensitivity_n": curve.nanmean(1), "hidden_share": share.expand_as(curve), "sensitivity_curve": curve}
