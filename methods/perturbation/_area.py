"""Smooth masks of a given area (Fong, Patrick and Vedaldi 2019)."""

from collections.abc import Sequence
from math import ceil

import torch
from torch import Tensor
from torch.nn.functional import pad, unfold

CELLS, WIDTH, COLDNESS = 16, 21 / 224, 20
"""The cells of a side; how wide a cell spreads, as a share of the side, and the softness of the maximum: TorchRay's."""


def steps_of(budget: int, areas: Sequence[float]) -> tuple[int, tuple[int, int]]:
    """Return the steps for every area that a budget buys, and the bill of it, with the two ends."""
    steps = (budget - 2) // max(len(areas), 1)
    return steps, (2 + steps * len(areas), steps * len(areas))


def smoothed(mask: Tensor) -> Tensor:
    """Return masks (N, 1, h, w) in which every cell is the soft maximum of those around, which count less far away.

    The border is repeated outside, so that a level mask stays level.
    """
    width = WIDTH * min(mask.shape[2:])
    reach = 1 + ceil(width)
    offset = torch.arange(-reach, reach + 1, dtype=mask.dtype)
    distance = (offset[:, None].square() + offset.square()).sqrt() / width
    kernel = torch.exp(-2 * (distance - 0.5).clamp(min=0).square()).flatten()
    around = unfold(pad(mask, [reach] * 4, mode="replicate"), 2 * reach + 1) * kernel[:, None]
    return (around * (COLDNESS * around).softmax(1)).sum(1).reshape(mask.shape)


def beyond(mask: Tensor, area: Tensor) -> Tensor:
    """Return how far masks are, in the mean square (N,), from 1 on their areas (N,) and 0 elsewhere, wherever that is.

    At least one element is on the area. Elements that are tied have equal parts of it, so that their order does not
    count.
    """
    flat, count = mask.flatten(1), mask[0].numel()
    outside = (count * (1 - area[:, None])).round().clamp(max=count - 1)
    with torch.no_grad():
        ordered = flat.sort(1).values
        below, up_to = (torch.searchsorted(ordered, flat, right=right) for right in (False, True))
        wanted = (up_to - below.maximum(outside)).clamp(min=0) / (up_to - below)
    return (flat - wanted).square().mean(1)
