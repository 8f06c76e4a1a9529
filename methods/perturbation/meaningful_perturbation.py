"""Meaningful perturbation."""

import torch
from torch import Tensor

from ...benchmark import Differentiable, Rng, method
from .._budget import demand
from ._learned import descended, fading
from ._moves import moved, moves

SPARSITY, SMOOTHNESS, POWER = 1e-4 * 28**2, 1e-2, 3
"""The paper's weights, the first for the mean over a mask instead of the sum over 28 x 28, and its power."""


@method(paper="arXiv:1704.03296", signed=False, passes=lambda budget: (budget, budget - 2))
def meaningful_perturbation(
    model: Differentiable,
    x: Tensor,
    target: Tensor,
    baseline: Tensor,
    rng: Rng,
    *,
    budget: int = 302,
    cell: int = 4,
    deletion: str = "baseline",
) -> Tensor:
    """A learned deletion mask: as little as lowers the target score most, in smooth pieces (Adam).

    The default budget are the paper's 300 steps, and the two ends, whose difference is the unit of the score. A cell of
    a picture's mask has `cell` pixels (the paper's 8, at 224), and the picture moves by up to 4 in 224 under it; a
    table's mask has neither. `deletion` is "baseline", or the paper's "blur". It starts half deleted.
    """
    demand(budget, 3, "meaningful_perturbation")
    if cell < 1:
        raise ValueError(f"cell is {cell}: give the pixels of a cell, from 1")
    inputs = fading(model, x, target, baseline, deletion)
    shifts = moves(rng, inputs.sides, budget - 2)

    def loss(mask: Tensor, step: int) -> Tensor:
        left = inputs.share(inputs.enlarged(mask), lambda picture: moved(picture, shifts[:, step]))
        return left + SPARSITY * (1 - mask).flatten(1).mean(1) + SMOOTHNESS * _roughness(mask)

    mask = inputs.start(tuple(-(-side // cell) for side in inputs.sides), 0.5)
    return 1 - inputs.enlarged(descended(mask, budget - 2, torch.optim.Adam([mask], lr=0.1), loss))


def _roughness(mask: Tensor) -> Tensor:
    """Return the summed powers of the steps between neighbouring cells, (N,)."""
    steps = [mask.diff(dim=axis).abs() ** POWER for axis in range(2, mask.ndim)]
    return sum((step.flatten(1).sum(1) for step in steps), start=mask.new_zeros(len(mask)))
