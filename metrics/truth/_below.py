"""How many elements are less relevant."""

import torch
from torch import Tensor


def below(attribution: Tensor, among: Tensor, *, right: bool = False) -> Tensor:
    """Count for each element (N, E) those `among` (N, E) that are less relevant; with `right`, also the equal ones."""
    others = attribution.masked_fill(~among, float("inf")).sort(1).values.contiguous()
    return torch.searchsorted(others, attribution.contiguous(), right=right)
