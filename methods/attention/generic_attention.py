"""Generic attention explainability."""

from torch import Tensor

from ...benchmark import GlassBox, method
from .._readouts import by_readout
from ._tokens import as_read, beside_itself, gained, rolled_out


@method(paper="arXiv:2103.15679", signed=False, passes=lambda: (1, 1))
def generic_attention(model: GlassBox, x: Tensor, target: Tensor, *, readout: str = "logit") -> Tensor:
    """Relevance of tokens to those that the logit reads, to which each block adds its attention times its gradient.

    The products are rectified, then averaged over heads.
    """
    maps, gradients = by_readout(model, readout).attention(x, target)
    return as_read(model, x, rolled_out(beside_itself(gained(maps, gradients))), gradients[:, -1])
