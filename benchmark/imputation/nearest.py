"""The nearest pixel."""

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ..registry import imputer
from ._pictures import demand_pictures, known


@imputer()
def nearest(x: Tensor, kept: Tensor) -> Tensor:
    """The colour of the nearest kept pixel; where nothing is kept, the picture's mean colour.

    Distances are Euclidean. Of equally near pixels, the leftmost is taken, and of those the uppermost.
    """
    demand_pictures(x, "neighbouring pixels")
    colours, seen = known(x, kept)
    source = torch.stack([_nearest(mask) for mask in seen[:, 0]])
    return colours.flatten(2).gather(2, source[:, None].expand(-1, x.shape[1], -1)).reshape(x.shape)


def _nearest(kept: Tensor) -> Tensor:
    """Return for each pixel the number of the nearest one kept: (H, W) bool to (H · W,) int64."""
    row, column = distance_transform_edt(~kept.numpy(), return_distances=False, return_indices=True)
    return torch.from_numpy(row).long().mul(kept.shape[1]).add(torch.from_numpy(column)).flatten()
