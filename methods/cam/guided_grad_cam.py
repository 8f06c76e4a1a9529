"""Guided Grad-CAM."""

from torch import Tensor

from ...benchmark import GlassBox, method
from .._readouts import by_readout
from ..rules.guided_backprop import guided_backprop
from .grad_cam import grad_cam


@method(paper="arXiv:1610.02391", passes=lambda: (2, 2))
def guided_grad_cam(model: GlassBox, x: Tensor, target: Tensor, *, layer: str = "", readout: str = "logit") -> Tensor:
    """Guided backpropagation, times Grad-CAM; both of the logit."""
    coarse = grad_cam(by_readout(model, readout), x, target, layer=layer)
    return coarse * guided_backprop(model, x, target, readout=readout)
