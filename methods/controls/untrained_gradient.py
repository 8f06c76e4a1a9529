"""The gradient of an untrained copy."""

from torch import Tensor

from ...benchmark import WhiteBox, method


@method(role="canary", paper="arXiv:1810.03292", passes=lambda: (1, 1))
def untrained_gradient(model: WhiteBox, x: Tensor, target: Tensor, *, seed: int = 0) -> Tensor:
    """The gradient of a copy of the network whose parameters are drawn anew: it knows nothing that was learned."""
    return model.randomized(seed).gradient(x, target)
