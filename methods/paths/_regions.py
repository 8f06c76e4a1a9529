"""Regions of pictures, and how XRAI ranks them."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.morphology import dilation, disk
from skimage.segmentation import felzenszwalb
from skimage.transform import resize
from torch import Tensor

SCALES = (50, 100, 150, 250, 500, 1200)
SIGMA, SMALLEST, SIDE, RIM = 0.8, 150, 224, 5
"""The authors' settings: blur and smallest segment at 224 x 224 pixels, and by how much a segment grows."""
FEWEST = 50
"""A region that would add fewer pixels is left out."""


def regions(picture: Tensor) -> Tensor:
    """Return the segments (S, H·W) bool of a picture (C, H, W) at all scales, each grown by its rim."""
    values = picture.cpu().numpy()
    return torch.from_numpy(_segments(values.tobytes(), values.shape, values.dtype.str))


# The same picture is explained for many targets, seeds and metrics.
@lru_cache(maxsize=128)
def _segments(values: bytes, shape: tuple[int, ...], kind: str) -> NDArray[np.bool_]:
    picture = np.moveaxis(np.frombuffer(values, kind).reshape(shape), 0, -1).astype(np.float64)
    large = _normalised(picture)
    found = [felzenszwalb(large, scale=scale, sigma=SIGMA, min_size=SMALLEST) for scale in SCALES]
    masks = [mask for labels in found for mask in _masks(_resized(labels, shape[1:]))]
    return np.stack([dilation(mask, disk(RIM)) for mask in masks]).reshape(len(masks), -1)


def _normalised(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a picture with values from -1 to 1 and the side that the scales are meant for; a flat one is -1."""
    low, high = picture.min(), picture.max()
    unit = 2 * (picture - low) / (high - low or 1.0) - 1
    large: NDArray[np.float64] = resize(unit, (SIDE, SIDE), order=3, mode="constant", anti_aliasing=True)
    return large


def _resized(labels: NDArray[np.int64], size: tuple[int, ...]) -> NDArray[np.int64]:
    rows, columns = (((np.arange(length) + 0.5) * SIDE / length).astype(int) for length in size)
    chosen: NDArray[np.int64] = labels[rows[:, None], columns]
    return chosen


def _masks(labels: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    return [labels == label for label in np.unique(labels)]


def densities(relevance: Tensor, masks: Tensor) -> Tensor:
    """Return per element (E,) the mean relevance of the region that it came with, where the densest comes first.

    From `masks` (S, E), the one whose new elements have the largest mean is taken, until none adds enough; what is
    left has its own mean.
    """
    found = torch.full_like(relevance, torch.nan)
    counts, sums = masks.sum(1), torch.stack([relevance[mask].sum() for mask in masks])
    while (enough := counts >= FEWEST).any():
        best = torch.where(enough, sums / counts, -torch.inf).argmax()
        added = masks[best] & found.isnan()
        found[added] = relevance[added].mean()
        taken = masks[:, added]
        counts, sums = counts - taken.sum(1), sums - taken.to(relevance.dtype) @ relevance[added]
    left = found.isnan()
    return torch.where(left, relevance[left].mean(), found)
