"""Guided backpropagation."""

from torch import Tensor

from ...benchmark import WhiteBox, method
from ._guided import guided, rectifying
from ._mode import Rules, ruled


@method(paper="arXiv:1412.6806", passes=lambda: (1, 1))
def guided_backprop(model: WhiteBox, x: Tensor, target: Tensor, *, readout: str = "logit") -> Tensor:
    """The gradient of the logit, of which every rectifier lets only the positive part through, where it was active.

    A network with smooth activations is refused: it is defined for rectifiers.
    """
    return ruled(model, lambda: Rules(rectifying(guided)), readout).gradient(x, target)
