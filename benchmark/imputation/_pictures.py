"""Shared code of the imputers of pictures."""

import torch
from torch import Tensor

from ..errors import Refused


def demand_pictures(x: Tensor, lacking: str) -> None:
    """Refuse samples that are not pictures, naming what they have none of."""
    if x.ndim != 4:
        raise Refused(f"a row {tuple(x.shape[1:])} has no {lacking}: use the imputer baseline or marginal")


def mean_colour(x: Tensor) -> Tensor:
    """Return each picture's mean colour, (N, C, 1, 1); of one colour, exactly that one."""
    return x.double().mean((2, 3), keepdim=True).to(x.dtype)


def known(x: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Return pictures and which of their pixels are known, (N, 1, H, W).

    Where nothing is kept, that is the mean colour everywhere.
    """
    mask = kept.reshape(len(x), 1, *x.shape[2:])
    empty = ~kept.any(1)[:, None, None, None]
    return torch.where(empty, mean_colour(x), x), mask | empty
