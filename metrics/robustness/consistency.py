"""Consistency."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import BlackBox, Rng, areas, metric, per_unit, snapped
from .._nearby import near


@metric(better="higher", paper="arXiv:2202.00734", passes=lambda samples: (samples + 1, 0))
def consistency(
    explain: Callable[..., Tensor],
    model: BlackBox,
    x: Tensor,
    units: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    rng: Rng,
    *,
    radius: float = 0.5,
    samples: int = 16,
    share: float = 0.01,
) -> Tensor:
    """Of the noisy copies with the same explanation, the share that the model predicts the same for.

    Two explanations are the same if the `share` of units with the most relevance per area are: at least one, and all
    that are tied with the last. Noise grows from `radius` / `samples` to `radius`. The other inputs are those of the
    dataset in the paper (Dasgupta et al. 2022); copies make a sample's score its own. NaN where no copy has its
    explanation; one that is not finite is nobody's.
    """
    size = areas(units)
    count = max(1, round(share * size.shape[1]))
    explained, prediction = _top(per_unit(attribution, units) / size, count), model.logits(x).argmax(1)
    alike, agree = [], []
    for step in range(1, samples + 1):
        copy = near(x, baseline, rng, radius * step / samples)
        alike.append((_top(per_unit(explain(x=copy), units) / size, count) == explained).all(1))
        agree.append(model.logits(copy).argmax(1) == prediction)
    same = torch.stack(alike, 1)
    return (same & torch.stack(agree, 1)).sum(1) / same.sum(1).double()


def _top(density: Tensor, count: int) -> Tensor:
    """Mark the `count` most relevant units of each map (N, U), and those tied with the last; none where it is NaN."""
    level = snapped(density)
    return (level >= level.topk(count, 1).values[:, -1:]) & density.isfinite().all(1, keepdim=True)
