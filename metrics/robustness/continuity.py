"""Continuity."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import Refused, metric
from .._nearby import largest, relative_change


@metric(better="lower", paper="arXiv:1706.07979", passes=lambda: (0, 0))
def continuity(
    explain: Callable[..., Tensor], x: Tensor, baseline: Tensor, attribution: Tensor, *, steps: int = 3
) -> Tensor:
    """The largest change of a picture's explanation over the picture's own, when that moves by a few pixels.

    By 1 to `steps` pixels up, down, left and right, the baseline coming in at the edge; the 1-norm of the explanation's
    change over the 2-norm of the picture's (Montavon et al. 2018), relative to the explanation's 1-norm so
    that it is scale-free. The map is not moved back. NaN for a zero map, and where no move changes the picture.
    """
    if x.ndim != 4:
        raise Refused(f"only pictures can be moved; the inputs have shape {tuple(x.shape[1:])}")
    moves = [
        (sign * by * (1 - axis), sign * by * axis) for by in range(1, steps + 1) for axis in (0, 1) for sign in (1, -1)
    ]
    moved = [_moved(x, baseline, move) for move in moves]
    distance = torch.stack([(each.double() - x.double()).flatten(1).norm(dim=1) for each in moved], 1)
    change = torch.stack([relative_change(attribution, explain(x=each), order=1) for each in moved], 1)
    return largest(change / distance, distance > 0)


def _moved(x: Tensor, baseline: Tensor, move: tuple[int, int]) -> Tensor:
    """Return pictures moved down and to the right; what comes in at the edge is the baseline's."""
    rows, columns = (torch.arange(size) - by for size, by in zip(x.shape[2:], move, strict=True))
    inside = ((rows >= 0) & (rows < len(rows)))[:, None] & ((columns >= 0) & (columns < len(columns)))
    return torch.where(inside.to(x.device), x.roll(move, (2, 3)), baseline)
