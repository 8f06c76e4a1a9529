"""SmoothGrad."""

from torch import Tensor

from ...benchmark import Differentiable, Rng, method


@method(paper="arXiv:1706.03825", passes=lambda budget: (budget, budget))
def smoothgrad(
    model: Differentiable, x: Tensor, target: Tensor, rng: Rng, *, budget: int = 32, noise: float = 0.15
) -> Tensor:
    """The gradient averaged over `budget` noisy copies; `noise` is a share of the input's range."""
    spread = noise * (x.flatten(1).amax(1) - x.flatten(1).amin(1)).reshape(-1, *[1] * (x.ndim - 1))
    noisy = (x + spread * rng.normal(*x.shape[1:]) for _ in range(budget))
    return sum((model.gradient(copy, target) for copy in noisy), start=x.new_zeros(x.shape)) / budget
