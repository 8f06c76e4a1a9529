"""The centre as an explanation."""

import torch
from torch import Tensor

from ...benchmark import method


@method(signed=False, role="canary", passes=lambda: (0, 0))
def center(x: Tensor, *, width: float = 0.25) -> Tensor:
    """A Gaussian in the centre of the picture, `width` of its side wide: it never looks at the input or the model."""
    shape = x.shape[2:] or x.shape[1:]
    axes = torch.meshgrid(*(torch.linspace(-0.5, 0.5, size) for size in shape), indexing="ij")
    blob = torch.exp(-torch.stack(axes).square().sum(0) / (2 * width**2))
    return blob.reshape(1, -1).repeat(len(x), 1)
