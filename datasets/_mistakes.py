"""Shared code of the tasks about mistakes: noise that makes them, and the search for samples of a kind."""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import torch
from torch import Tensor

from ..benchmark import streams

Look: TypeAlias = Callable[[tuple[str, ...], Tensor], Tensor]
"""A change to the pictures of samples, of these ids, after they are made."""

PORTION = 256
FARTHEST = 2**14
"""The most samples that are looked at, in portions, before there are not enough."""


def first_where(accepted: Callable[[range], Tensor], size: int, kind: str) -> Tensor:
    """Return the first `size` places of an endless sequence whose samples are `accepted` (n,) bool, asked in ranges.

    Too few of the `kind` among the first 16384 is a ValueError.
    """
    found: list[int] = []
    for start in range(0, FARTHEST, PORTION):
        if len(found) >= size:
            break
        found += (start + accepted(range(start, start + PORTION)).nonzero()[:, 0]).tolist()
    if len(found) < size:
        raise ValueError(
            f"size is {size}, but of {FARTHEST} samples only {len(found)} are {kind}: ask for at most as many"
        )
    return torch.tensor(found[:size])


def clean(ids: tuple[str, ...], x: Tensor) -> Tensor:
    """Leave pictures as they are."""
    return x


@lru_cache(maxsize=256)
def _noise(name: str, shape: torch.Size) -> Tensor:
    return streams((name,), "noise").normal(*shape)[0]


def noisy(ids: tuple[str, ...], x: Tensor, sigma: float | Tensor, channels: int) -> Tensor:
    """Add normal noise to pictures (N, C, H, W) in [0, 1], the same in all channels or each its own, and clip them.

    A sample's noise follows from its id alone.
    """
    noise = torch.stack([_noise(name, torch.Size((channels, *x.shape[2:]))) for name in ids])
    return (x + sigma * noise).clamp(0, 1)
