"""HSIC attribution."""

import torch
from torch import Tensor

from ...benchmark import Game, Rng, method
from .._budget import demand

ROWS = 1024
"""The rows of the kernel of scores that are held at a time."""


@method(paper="arXiv:2206.06219", signed=False, passes=lambda budget: (budget, 0))
def hsic(game: Game, rng: Rng, *, budget: int = 1500) -> Tensor:
    """The Hilbert-Schmidt independence criterion between the hiding of a unit and the target score.

    Every unit is hidden in half of the random coalitions. Kernels are the paper's: equality for the unit, and for the
    score a Gaussian, as wide as the median score (as the largest magnitude, where that is 0). The default budget is
    the paper's.
    """
    demand(budget, 2, "hsic")
    kept = rng.uniform(budget, game.players).argsort(1).argsort(1) < budget // 2
    scores = game.scores(kept).double()
    return torch.stack([_dependence(*pair) for pair in zip(kept, scores, strict=True)])


def _dependence(kept: Tensor, scores: Tensor) -> Tensor:
    """Return the criterion (U,) between each column of coalitions (M, U) and their scores (M,)."""
    middle = scores.quantile(0.5)
    width = middle if middle != 0 else scores.abs().amax().clamp(min=torch.finfo(scores.dtype).tiny)
    # Equality is (1 + s s')/2 for signs s, and centring leaves nothing of the constant.
    sign = 2 * kept.double() - 1
    sign = sign - sign.mean(0)
    likeness = (torch.exp(-((some[:, None] - scores) / width).square() / 2) for some in torch.split(scores, ROWS))
    return (sign * torch.cat([rows @ sign for rows in likeness])).sum(0) / 2 / (len(scores) - 1) ** 2
