"""DeepSHAP."""

import torch
from torch import Tensor

from ...benchmark import Rng, WhiteBox, method
from .._budget import demand
from ._paired import multipliers


@method(paper="arXiv:1705.07874", passes=lambda budget: (2 * (budget // 2), budget // 2))
def deep_shap(
    model: WhiteBox, x: Tensor, target: Tensor, pool: Tensor, rng: Rng, *, budget: int = 200, readout: str = "logit"
) -> Tensor:
    """DeepLIFT, averaged over references that are drawn from other samples; two passes a reference, 100 by default."""
    demand(budget, 2, "deep_shap")
    drawn = rng.integers(len(pool), budget // 2)
    total = torch.zeros_like(x, dtype=torch.float64)
    for index in drawn.T:
        reference = pool[index].to(x.dtype)
        total += (x - reference) * multipliers(model, x, target, reference, readout)
    return total / len(drawn.T)
