"""Consistency."""

from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor

from ...benchmark import BlackBox, Rng, areas, metric, per_unit
from ._nearby import near


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
    share: float = 0.25,
) -> Tensor:
    """Of the noisy copies with the same explanation, the share that the model predicts the same for.

    Two explanations are the same if the `share` of units with the most relevance per area are the same units, ties
    being broken by a chance that all copies share. Noise grows from `radius` / `samples` to `radius`. The other inputs
    are those of the dataset in the paper (Dasgupta et al. 2022); copies make a sample's score its own.
    NaN where no copy has its explanation; one that is not finite is nobody's.
    """
    size = areas(units)
    order = rng.permutation(size.shape[1])
    count = ceil(share * size.shape[1])
    explained, prediction = _top(per_unit(attribution, units) / size, order, count), model.logits(x).argmax(1)
    alike, agree = [], []
    for step in range(1, samples + 1):
        copy = near(x, baseline, rng, radius * step / samples)
        alike.append((_top(per_unit(explain(x=copy), units) / size, order, count) == explained).all(1))
        agree.append(model.logits(copy).argmax(1) == prediction)
    same = torch.stack(alike, 1)
    return (same & torch.stack(agree, 1)).sum(1) / same.sum(1).double()


def _top(density: Tensor, order: Tensor, count: int) -> Tensor:
    """Return the most relevant units (N, count) in ascending order; of tied ones, those that come first in `order`."""
    place = density.gather(1, order).argsort(dim=1, descending=True, stable=True)[:, :count]
    return order.gather(1, place).sort(1).values.masked_fill(~density.isfinite().all(1, keepdim=True), -1)
