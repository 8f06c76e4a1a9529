"""Token dropping."""

from torch import Tensor

from ..capabilities import WhiteBox
from ..registry import imputer


@imputer(paper="arXiv:2211.14646")
def token_dropping(model: WhiteBox, x: Tensor, kept: Tensor) -> Tensor:
    """A transformer never sees the tokens of hidden patches."""
    return model.masked(x, kept, "token_dropping")
