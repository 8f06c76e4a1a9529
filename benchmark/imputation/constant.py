"""One value everywhere."""

import torch
from torch import Tensor

from ..errors import Refused
from ..registry import imputer


@imputer()
def constant(x: Tensor, *, value: float = 0.5) -> Tensor:
    """One value everywhere: mid-grey in pictures.

    Refused for token ids: no number is a neutral one.
    """
    if not x.is_floating_point():
        raise Refused("a token id cannot be a constant between others: use the imputer baseline or marginal")
    return torch.full_like(x, value)
