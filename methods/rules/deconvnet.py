"""The deconvolutional network."""

from torch import Tensor

from ...benchmark import WhiteBox, method
from ._guided import deconvolved, rectifying
from ._mode import Rules, ruled


@method(paper="arXiv:1311.2901", passes=lambda: (1, 1))
def deconvnet(model: WhiteBox, x: Tensor, target: Tensor, *, readout: str = "logit") -> Tensor:
    """The gradient of the logit, of which every rectifier lets the positive part through, whether it was active or not.

    A network with smooth activations is refused: it is defined for rectifiers.
    """
    return ruled(model, lambda: Rules(rectifying(deconvolved)), readout).gradient(x, target)
