"""Blur integrated gradients."""

from itertools import pairwise

import torch
from torch import Tensor

from ...benchmark import Differentiable, method
from .._budget import demand
from .._pictures import demand_pictures
from .._points import at_points

SIDE = 224
"""The side of the paper's pictures."""


@method(paper="arXiv:2004.03383", passes=lambda budget: (budget, budget))
def blur_ig(model: Differentiable, x: Tensor, target: Tensor, *, budget: int = 100, sigma: float = 50.0) -> Tensor:
    """The gradient integrated on the way from a blurred picture, over the width of the blur, to the sharp one.

    The paper's 100 equal steps up to a width of 50 pixels, in proportion on pictures with a side below 224. Each step
    takes the gradient in its middle; zeros lie beyond the border.
    """
    demand_pictures(x, "blur_ig")
    demand(budget, 1, "blur_ig")
    step = sigma * min(1.0, min(x.shape[2:]) / SIDE) / budget
    total = torch.zeros_like(x, dtype=torch.float64)
    middles = (blurred(x, (i + 0.5) * step).to(x.dtype) for i in range(budget))
    ways = (sharp - blunt for sharp, blunt in pairwise(blurred(x, i * step) for i in range(budget + 1)))
    for way, (_, gradient) in zip(ways, at_points(model, middles, target), strict=True):
        total += way * gradient
    return total


def blurred(x: Tensor, sigma: float) -> Tensor:
    """Return pictures under a Gaussian that is sampled at the pixels and never cut off, in double precision."""
    rows, columns = (_gaussian(size, sigma).to(x.device) for size in x.shape[2:])
    return rows @ x.double() @ columns


def _gaussian(size: int, sigma: float) -> Tensor:
    """Return what each of `size` pixels in a row gives to each other one, (size, size)."""
    # A narrower one gives nothing to a neighbour, in any precision.
    width = max(sigma, 0.01)
    reach = max(size, int(10 * width) + 1)
    whole = torch.exp(-torch.arange(-reach, reach + 1, dtype=torch.float64).square() / (2 * width**2))
    apart = torch.arange(size)[:, None] - torch.arange(size)
    return (whole / whole.sum())[apart + reach]
