"""Contrastive excitation backpropagation."""

from torch import Tensor

from ...benchmark import WhiteBox, method
from ._excitation import excitation, one_against_another


@method(paper="arXiv:1608.00507", passes=lambda: (1, 1))
def contrastive_excitation(model: WhiteBox, x: Tensor, target: Tensor) -> Tensor:
    """Excitation backpropagation from the target, less that from its dual, whose weights have the other sign."""
    return excitation(model, x, target, one_against_another)
