"""Layer masking."""

from torch import Tensor

from ..capabilities import WhiteBox
from ..registry import imputer


@imputer(paper="arXiv:2211.14646")
def layer_masking(model: WhiteBox, x: Tensor, kept: Tensor) -> Tensor:
    """The network's layers leave hidden pixels out: convolutions pad from visible neighbours, pooling skips them."""
    return model.masked(x, kept, "layer_masking")
