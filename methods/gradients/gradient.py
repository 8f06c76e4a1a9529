"""The gradient."""

from torch import Tensor

from ...benchmark import Differentiable, method


@method(paper="arXiv:1312.6034", passes=lambda: (1, 1))
def gradient(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The gradient of the target score."""
    return model.gradient(x, target)
