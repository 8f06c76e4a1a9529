"""Raw attention."""

from torch import Tensor

from ...benchmark import Layered, method
from ._tokens import as_read


@method(paper="arXiv:2005.00928", signed=False, passes=lambda: (1, 1))
def raw_attention(model: Layered, x: Tensor, target: Tensor) -> Tensor:
    """The last block's attention to each patch, averaged over heads, from the tokens that the score reads.

    The target has no part in it.
    """
    maps, gradients = model.attention(x, target)
    return as_read(model, x, maps[:, -1].double().mean(1), gradients[:, -1])
