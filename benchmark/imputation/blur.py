"""A blurred copy."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from ..registry import imputer
from ._pictures import demand_pictures


@imputer(paper="arXiv:1910.08485")
def blur(x: Tensor, *, share: float = 1 / 11) -> Tensor:
    """A Gaussian blur of the picture.

    Its width is a `share` of the shorter side: Fong, Patrick and Vedaldi (2019) blur 224 pixels by 20. Insertion curves
    are usually started from less, 5 of 224 pixels (RISE, arXiv:1806.07421), in which classes are still recognised. The
    picture is mirrored at its border.
    """
    demand_pictures(x, "neighbouring pixels")
    if not share > 0:
        raise ValueError(f"share is {share}: give a positive share of the picture's shorter side")
    height, width = x.shape[2:]
    rows, columns = (_along(side, share * min(height, width)) for side in (height, width))
    return (rows @ x.double() @ columns.T).to(x.dtype)


def _along(side: int, sigma: float) -> Tensor:
    """Return the blur of one axis as a matrix: a product is far faster than a wide filter on every line."""
    return torch.from_numpy(gaussian_filter1d(np.eye(side), sigma, axis=0))
