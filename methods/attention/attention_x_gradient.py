"""Attention times gradient."""

from torch import Tensor

from ...benchmark import Layered, method
from ._tokens import as_read


@method(paper="arXiv:1906.03731", passes=lambda: (1, 1))
def attention_x_gradient(model: Layered, x: Tensor, target: Tensor) -> Tensor:
    """The last block's attention times the score's gradient there, averaged over heads, from the tokens it reads."""
    maps, gradients = (part[:, -1] for part in model.attention(x, target))
    return as_read(model, x, (maps * gradients).double().mean(1), gradients)
