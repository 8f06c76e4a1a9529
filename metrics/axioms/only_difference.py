"""Sensitivity (a)."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import BlackBox, Rng, impute, metric, unit_count

RESOLUTION = 1e-6
"""A change of the score below this, relative to the scores, is rounding."""


@metric(better="lower", reads="magnitude", paper="arXiv:1703.01365", passes=lambda units: (units + 1, 0))
def only_difference(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    units: Tensor,
    baseline: Tensor,
    explain: Callable[..., Tensor],
    rng: Rng,
) -> Tensor:
    """The share of relevance beside the only unit in which an input differs from the baseline.

    One unit is drawn for each sample from those that change the baseline's score on their own, all others are set to
    the baseline, and this input is explained. Sensitivity (a) wants the one to have relevance (Sundararajan et al.
    2017): a zero map has missed it, which is 1. NaN where no unit changes the score.
    """
    count = unit_count(units)
    empty = model.score(baseline, target).double()[:, None]
    alone = torch.stack([model.score(impute(x, baseline, units == unit), target) for unit in range(count)], 1).double()
    changes = (alone - empty).abs() > RESOLUTION * (alone.abs() + empty.abs())
    chosen = rng.uniform(count).to(changes.device).masked_fill(~changes, -1.0).argmax(1, keepdim=True)
    there = units == chosen
    magnitude = explain(x=impute(x, baseline, there)).abs()
    on = (magnitude * there).sum(1) / magnitude.sum(1)
    return (1 - on.where(magnitude.any(1), 0.0)).where(changes.any(1), torch.nan)
