"""Pictures that move a little."""

import torch
from torch import Tensor

from ...benchmark import Rng

SHARE = 4 / 224
"""The farthest move, as a share of the shorter side: Fong and Vedaldi (2017) move 224 pixels by up to 4."""


def moves(rng: Rng, sides: tuple[int, ...], count: int) -> Tensor:
    """Draw pixels to move by, (N, count, axes): up to a share of the shorter side, and at least one."""
    most = max(1, round(SHARE * min(sides, default=0)))
    return rng.integers(2 * most + 1, count, len(sides)) - most


def moved(pictures: Tensor, pixels: Tensor) -> Tensor:
    """Move each picture by its own pixels (N, 2); what comes in at a border repeats it. A table (N, 0) stays."""
    for axis, shift in enumerate(pixels.T, start=2):
        side = pictures.shape[axis]
        places = (torch.arange(side) - shift[:, None]).clamp(0, side - 1)
        shape = [len(pictures), 1, 1, 1]
        shape[axis] = side
        pictures = pictures.gather(axis, places.reshape(shape).expand_as(pictures))
    return pictures
