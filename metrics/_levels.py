"""Values that rounding alone tells apart."""

import torch
from torch import Tensor

RESOLUTION = 1e-6
"""Maps are stored in single precision: values closer than this, relative to the largest of the row, are tied."""


def levels(values: Tensor) -> Tensor:
    """Number the different values of each row (N, U) in ascending order."""
    ordered, place = values.sort(1)
    rises = ordered.diff(dim=1) > RESOLUTION * values.abs().amax(1, keepdim=True)
    level = torch.cat([rises.new_zeros(len(rises), 1), rises], 1).cumsum(1)
    return level.scatter(1, place, level)
