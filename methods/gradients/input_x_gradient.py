"""Input times gradient."""

from torch import Tensor

from ...benchmark import Differentiable, method


@method(paper="arXiv:1605.01713", passes=lambda: (1, 1))
def input_x_gradient(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The gradient of the target score, times the input."""
    return x * model.gradient(x, target)
