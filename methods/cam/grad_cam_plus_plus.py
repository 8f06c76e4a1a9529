"""Grad-CAM++."""

from torch import Tensor

from ...benchmark import Layered, method
from ._maps import rectified, share


@method(paper="arXiv:1710.11063", signed=False, passes=lambda: (1, 1))
def grad_cam_plus_plus(model: Layered, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """A layer's channels, each weighted with its positive gradients at curvature's weights, summed and rectified.

    The weight of a gradient g in a channel of sum a is 1/(2 + g·a): the paper's g²/(2g² + a·g³), for the exponential of
    the score, whose own factor, the same all over the map, is left out. Where 2 + g·a is 0, which no rectified
    layer reaches, it is 0.
    """
    activation, gradient = (part.double() for part in model.tap(x, target, layer or None))
    curvature = 2 + gradient * activation.sum((2, 3), keepdim=True)
    weights = share(gradient.relu(), curvature).sum((2, 3), keepdim=True)
    return rectified(weights * activation, x)
