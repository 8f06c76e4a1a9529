"""Excitation backpropagation."""

from torch import Tensor

from ...benchmark import WhiteBox, method
from ._excitation import excitation, one


@method(paper="arXiv:1608.00507", signed=False, passes=lambda: (1, 1))
def excitation_backprop(model: WhiteBox, x: Tensor, target: Tensor) -> Tensor:
    """The chance that a walk down from the target, along excitatory connections of active inputs, ends at an input.

    Where an input is negative, its excitatory connections are the negative ones. Only rectifiers have a rule.
    """
    return excitation(model, x, target, one)
