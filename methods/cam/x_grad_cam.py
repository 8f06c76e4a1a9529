"""XGrad-CAM."""

from torch import Tensor

from ...benchmark import Layered, method
from ._maps import rectified, share


@method(paper="arXiv:2008.02312", signed=False, passes=lambda: (1, 1))
def x_grad_cam(model: Layered, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """A layer's channels, each weighted with its gradient's mean by its own activation, summed and rectified.

    A channel whose activation sums to 0 weighs nothing.
    """
    activation, gradient = (part.double() for part in model.tap(x, target, layer or None))
    weights = share((gradient * activation).sum((2, 3), keepdim=True), activation.sum((2, 3), keepdim=True))
    return rectified(weights * activation, x)
