"""Counts of less relevant elements."""

import torch
from torch import Tensor

from ...benchmark import snapped


def below(attribution: Tensor, among: Tensor, *, right: bool = False) -> Tensor:
    """Count for each element (N, E) those `among` (N, E) that are less relevant; with `right`, also the equal ones."""
    level = snapped(attribution)
    others = level.masked_fill(~among, float("inf")).sort(1).values
    return torch.searchsorted(others, level, right=right)
