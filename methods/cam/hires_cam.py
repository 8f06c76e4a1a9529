"""HiResCAM."""

from torch import Tensor

from ...benchmark import Layered, method
from ._maps import enlarged


@method(paper="arXiv:2011.08891", passes=lambda: (1, 1))
def hires_cam(model: Layered, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """A layer's activation times the gradient there, summed over its channels; the last spatial layer's.

    It keeps its sign: where only linear layers follow, its coarse map sums to the logit but for their biases.
    """
    activation, gradient = model.tap(x, target, layer or None)
    return enlarged((gradient * activation).sum(1, keepdim=True), x)
