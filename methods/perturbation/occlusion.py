"""Occlusion."""

import torch
from torch import Tensor

from ...benchmark import BlackBox, Refused, method
from ._masks import Hidden


@method(paper="arXiv:1311.2901", passes=lambda across, overlap: (((across - 1) * overlap + 1) ** 2 + 1, 0))
def occlusion(
    model: BlackBox, x: Tensor, target: Tensor, baseline: Tensor, *, across: int = 8, overlap: int = 2
) -> Tensor:
    """The drop of the target score behind a window that slides over the picture, averaged over a pixel's windows.

    `across` windows fill a side, and one moves by its `overlap`-th part; half a window is the step of Rao et al.
    (arXiv:2205.10435). What has no two sides is refused.
    """
    if across < 1 or overlap < 1:
        raise ValueError(f"across is {across} and overlap {overlap}: give counts from 1")
    if x.ndim != 4 or min(x.shape[2:]) < across:
        raise Refused(f"{across} windows a side do not fit an input {tuple(x.shape[1:])}: use leave_one_out")
    rows, columns = (_spans(side, across, overlap) for side in x.shape[2:])
    windows = (rows[:, None, :, None] & columns[None, :, None, :]).reshape(-1, x.shape[2:].numel())
    drops = model.score(x, target)[:, None] - Hidden(model, x, target, baseline).scores(~windows)
    return drops.double() @ windows.double() / windows.sum(0)


def _spans(side: int, across: int, overlap: int) -> Tensor:
    """Return the places of a side that each position of the window covers, (positions, side) bool."""
    steps = across * overlap
    first = torch.arange(steps - overlap + 1)[:, None]
    place = torch.arange(side)
    return (place >= first * side // steps) & (place < (first + overlap) * side // steps)
