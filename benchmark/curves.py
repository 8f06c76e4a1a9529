"""Curves of a score against the removed fraction, and the areas below them."""

import torch
from torch import Tensor


def area(fraction: Tensor, curve: Tensor) -> Tensor:
    """Integrate curves (N, S) over their abscissae (N, S) in [0, 1] by the trapezoid rule: (N,)."""
    return torch.trapezoid(curve.double(), fraction.double(), dim=1)


def confidence_normalised(curve: Tensor, full: Tensor, empty: Tensor) -> Tensor:
    """Rescale curves (N, S) so that the whole input's score is 1 and the baseline's 0; NaN where these are equal."""
    gap = (full - empty)[:, None].double()
    return torch.where(gap == 0, torch.nan, (curve.double() - empty[:, None].double()) / gap)
