"""Grad-CAM."""

from torch import Tensor

from ...benchmark import Layered, method
from ._maps import rectified


@method(paper="arXiv:1610.02391", signed=False, passes=lambda: (1, 1))
def grad_cam(model: Layered, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """A layer's channels, each weighted with its mean gradient, summed and rectified; the last spatial layer's."""
    activation, gradient = model.tap(x, target, layer or None)
    return rectified(gradient.mean((2, 3), keepdim=True) * activation, x)
