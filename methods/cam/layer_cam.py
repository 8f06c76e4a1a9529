"""LayerCAM."""

from torch import Tensor

from ...benchmark import Layered, method
from ._maps import rectified


@method(paper="doi:10.1109/TIP.2021.3089943", signed=False, passes=lambda: (1, 1))
def layer_cam(model: Layered, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """A layer's activation, each place weighted with its own positive gradient, summed over channels and rectified."""
    activation, gradient = model.tap(x, target, layer or None)
    return rectified(gradient.relu() * activation, x)
