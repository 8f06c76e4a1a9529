"""Shared code of the dividers of pictures."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..errors import Refused

Colours = npt.NDArray[np.float64]


def demand_pictures(x: Tensor, pieces: int) -> None:
    """Refuse samples that are not pictures, and less than one piece."""
    if x.ndim != 4:
        raise Refused(f"only pictures (N, C, H, W) can be cut into regions, x has shape {tuple(x.shape)}: use `pixels`")
    if pieces < 1:
        raise ValueError(f"pieces is {pieces}: give from how many regions on, 1 at least")


def each(x: Tensor, cut: Callable[[Colours], npt.NDArray[Any]]) -> Tensor:
    """Cut each picture by its colours (H, W, C), and number its regions from 0: labels (N, H * W)."""
    pictures = x.permute(0, 2, 3, 1).double().cpu().numpy()
    labels = [torch.from_numpy(cut(picture).astype(np.int64)).flatten() for picture in pictures]
    return torch.stack([torch.unique(row, return_inverse=True)[1] for row in labels])
