"""Inputs near an input, how far they are, and how far their explanations are."""

import torch
from torch import Tensor
from torch.linalg import vector_norm

from ..benchmark import Refused, Rng

FLOOR = 1e-6
"""The smallest change that another is measured against (Agarwal et al. 2022)."""


def reach(x: Tensor, baseline: Tensor) -> Tensor:
    """Return what noise of size 1 means, like x: 1 for a pixel, a column's own distance from its baseline.

    Pixels lie in [0, 1]. Raw columns have units of their own, and only the sample itself says how large they are: a
    column at its baseline stays there.
    """
    if not x.is_floating_point():
        raise Refused(f"the inputs are whole numbers ({x.dtype}), which have no noisy copies")
    return torch.ones_like(x) if x.ndim > 2 else (x - baseline).abs()


def near(x: Tensor, baseline: Tensor, rng: Rng, radius: float) -> Tensor:
    """Draw copies of inputs from the box around them: uniformly, to both sides, up to `radius` times their reach."""
    return x + radius * reach(x, baseline) * (2 * rng.uniform(*x.shape[1:]) - 1).to(x)


def coordinates(at: Tensor, x: Tensor, baseline: Tensor) -> Tensor:
    """Return inputs near x in the units of their noise, (N, D): pixels as they are, columns counted from the baseline.

    So a column of x is 1, or 0 at its baseline, whatever it was measured in.
    """
    if x.ndim > 2:
        return at.flatten(1).double()
    unit = x.double() - baseline.double()
    return ((at.double() - baseline.double()) / unit.where(unit != 0, torch.inf)).flatten(1)


def relative_change(before: Tensor, after: Tensor, order: int = 2) -> Tensor:
    """Return the length (N,) of a change relative to what was there, both (N, D); NaN of nothing, or beyond numbers."""
    unit = before.double().abs().amax(1, keepdim=True)
    was, became = (each.double() / unit.where(unit > 0, torch.nan) for each in (before, after))
    ratio: Tensor = vector_norm(became - was, order, dim=1) / vector_norm(was, order, dim=1)
    return ratio.where(ratio.isfinite(), torch.nan)


def largest(values: Tensor, which: Tensor) -> Tensor:
    """Return the largest of those of (N, S) that count; NaN where none does, or where one of them is NaN."""
    return values.masked_fill(~which, -torch.inf).amax(1).where(which.any(1), torch.nan)
