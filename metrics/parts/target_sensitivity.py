"""Target sensitivity."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import metric, per_unit
from ._parts import visible

RESOLUTION = 1e-6
"""Maps are stored in single precision: what is closer, relative to the largest, is the same."""


@metric(better="higher", paper="arXiv:2308.06248", passes=lambda: (0, 0))
def target_sensitivity(
    attribution: Tensor,
    effect: Tensor,
    rival: Tensor,
    rival_effect: Tensor,
    parts: Tensor,
    explain: Callable[..., Tensor],
) -> Tensor:
    """How far a part has more relevance for the target than for its rival where it really matters more to it.

    The share of parts whose relevance for both leads to the right side, weighted by how much more they matter to one
    (Hesse et al. 2023 compare two sets of parts of other classes, and leave out what contradicts their assumption about
    the network). From 0 to 1, 1/2 for a map that ignores the target; NaN for zero maps and equal effects.
    """
    count = effect.shape[1]
    here, there = (per_unit(each, parts, count) for each in (attribution, explain(target=rival)))
    size = (here.abs() + there.abs()).amax(1, keepdim=True)
    lead = (here - there).masked_fill((here - there).abs() <= RESOLUTION * size, 0.0)
    true = (effect - rival_effect) * visible(parts, count)
    right = (1 + lead.sign() * true.sign()) / 2
    return ((right * true.abs()).sum(1) / true.abs().sum(1)).where(size[:, 0] != 0, torch.nan)
