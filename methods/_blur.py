"""Gaussian blur of attributions (Rao, Böhle, Schiele 2022)."""

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from ._pictures import demand_pictures

BEST, OF = 129, 448
"""The paper's best kernel on most networks, and the side of its pictures."""


def smoothed(attribution: Tensor, kernel: int, name: str) -> Tensor:
    """Return the sum over channels (N, 1, H, W), signs kept, blurred with a Gaussian; zeros lie beyond the border.

    `kernel` is its odd size K, its width is K / 4; 0 stands for the paper's best, in proportion to the picture.
    """
    demand_pictures(attribution, name)
    size = kernel or 2 * (BEST * min(attribution.shape[2:]) // OF // 2) + 1
    if size < 1 or size % 2 == 0:
        raise ValueError(f"{name}: kernel is {kernel}; give an odd number of pixels, or 0 for the paper's best")
    row = torch.exp(-torch.arange(-(size // 2), size // 2 + 1, dtype=torch.float64).square() / (2 * (size / 4) ** 2))
    row = (row / row.sum()).to(attribution.device)
    flat = attribution.double().sum(1, keepdim=True)
    across = conv2d(flat, row.reshape(1, 1, 1, -1), padding=(0, size // 2))
    return conv2d(across, row.reshape(1, 1, -1, 1), padding=(size // 2, 0))
