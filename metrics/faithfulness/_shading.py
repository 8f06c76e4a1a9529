"""Inputs shaded by a map: each element keeps as much of itself as it is relevant."""

import torch
from torch import Tensor

from ...benchmark import like_input, snapped


def brightness(attribution: Tensor) -> Tensor:
    """Return the positive part of maps (N, E) over its largest value, in [0, 1]; NaN where nothing is positive."""
    positive = snapped(attribution.clamp(min=0))
    most = positive.amax(1, keepdim=True)
    return positive / most.where(most > 0, torch.nan)


def shaded(x: Tensor, baseline: Tensor, bright: Tensor) -> Tensor:
    """Return inputs of which each element is x as far as it is bright (N, E), and the baseline for the rest.

    Where the brightness is not known, the input is the whole one.
    """
    return baseline + like_input(bright.nan_to_num(1.0), x).to(x.dtype) * (x - baseline)


def relative_drop(full: Tensor, left: Tensor) -> Tensor:
    """Return by which share of itself a score (N,) falls, never below 0; NaN where it is not positive."""
    return (full - left).clamp(min=0) / full.where(full > 0, torch.nan)
