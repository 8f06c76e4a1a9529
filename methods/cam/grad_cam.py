"""Grad-CAM."""

from torch import Tensor
from torch.nn.functional import interpolate

from ...benchmark import Layered, method


@method(paper="arXiv:1610.02391", signed=False, passes=lambda: (1, 1))
def grad_cam(model: Layered, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """A layer's channels, each weighted with its mean gradient, summed and rectified; the last spatial layer's."""
    activation, gradient = model.tap(x, target, layer or None)
    weights = gradient.mean((2, 3), keepdim=True)
    coarse = (weights * activation).sum(1, keepdim=True).relu()
    return interpolate(coarse, size=x.shape[2:], mode="bilinear", align_corners=False)
