"""The pointing game."""

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ...benchmark import Refused, like_input, metric, snapped


@metric(better="higher", paper="arXiv:1608.00507", passes=lambda: (0, 0))
def pointing_game(attribution: Tensor, truth: Tensor, impossible: Tensor, x: Tensor, *, tolerance: float = 0) -> Tensor:
    """Whether the most relevant element is true; NaN where none is.

    1 or 0; tied maxima count with the share of them that is true. `tolerance`: pixels nearer than this to the truth
    hit it, too; Zhang et al. (2016) allow 15.
    """
    asked = truth | impossible
    held = snapped(attribution).masked_fill(~asked, float("-inf"))
    top = (held == held.amax(1, keepdim=True)) & asked
    hit = truth | _near(truth, x, tolerance) if tolerance else truth
    return (top & hit).sum(1) / top.sum(1).double().where(truth.any(1), float("nan"))


def _near(truth: Tensor, x: Tensor, tolerance: float) -> Tensor:
    """Return the pixels (N, E) whose centres are nearer than `tolerance` to the truth's."""
    if x.ndim != 4:
        raise Refused(f"a tolerance is in pixels of a picture (N, C, H, W); x has shape {tuple(x.shape)}")
    masks = like_input(truth, x)[:, 0].cpu().numpy()
    distance = torch.stack([torch.from_numpy(distance_transform_edt(~mask)) for mask in masks])
    return (distance < tolerance).flatten(1)
