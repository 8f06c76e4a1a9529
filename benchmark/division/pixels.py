"""Single elements."""

import torch
from torch import Tensor

from ..registry import divider
from ..units import element_count


@divider()
def pixels(x: Tensor) -> Tensor:
    """Every pixel, column or token by itself."""
    return torch.arange(element_count(x)).expand(len(x), -1)
