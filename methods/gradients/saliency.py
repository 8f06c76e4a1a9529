"""Saliency."""

from torch import Tensor

from ...benchmark import Differentiable, method


@method(paper="arXiv:1312.6034", signed=False, passes=lambda: (1, 1))
def saliency(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The magnitude of the gradient, summed over the channels, of which Simonyan et al. (2013) take the largest."""
    return model.gradient(x, target).abs()
