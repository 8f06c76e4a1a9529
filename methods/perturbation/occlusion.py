"""Occlusion."""

import torch
from torch import Tensor

from ...benchmark import BlackBox, method, subset_scores, unit_count


@method(paper="arXiv:1311.2901", passes=lambda units: (units + 1, 0))
def occlusion(model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor) -> Tensor:
    """The drop of the target score when a unit is replaced by the baseline, for every unit."""
    all_but_one = ~torch.eye(unit_count(units), dtype=torch.bool).expand(len(x), -1, -1)
    return model.score(x, target)[:, None] - subset_scores(model, x, target, baseline, units, all_but_one)
