"""Attention rollout."""

from torch import Tensor

from ...benchmark import Layered, method
from ._tokens import as_read, beside_itself, rolled_out


@method(paper="arXiv:2005.00928", signed=False, passes=lambda: (1, 1))
def attention_rollout(model: Layered, x: Tensor, target: Tensor) -> Tensor:
    """Attention through all blocks: averaged over heads, half of it past each block, multiplied.

    The target has no part in it.
    """
    maps, gradients = model.attention(x, target)
    return as_read(model, x, rolled_out(beside_itself(maps.mean(2).double()) / 2), gradients[:, -1])
