"""Occlusion."""

import torch
from torch import Tensor

from ...benchmark import BlackBox, impute, method, unit_count


@method(paper="arXiv:1311.2901", passes=lambda units: (units + 1, 0))
def occlusion(model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor) -> Tensor:
    """The drop of the target score when a unit is replaced by the baseline, for every unit."""
    hidden = [model.score(impute(x, baseline, units != unit), target) for unit in range(unit_count(units))]
    return model.score(x, target)[:, None] - torch.stack(hidden, 1)
