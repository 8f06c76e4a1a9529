"""Relative representation stability."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import Layered, Rng, metric
from .._nearby import FLOOR, largest, near, relative_change


@metric(better="lower", paper="arXiv:2203.06877", passes=lambda samples: (2 * samples + 2, samples + 1))
def representation_stability(
    explain: Callable[..., Tensor],
    model: Layered,
    x: Tensor,
    target: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    rng: Rng,
    *,
    radius: float = 0.02,
    samples: int = 8,
) -> Tensor:
    """The largest relative change of the explanation, beside the input, over that of the model's last spatial layer.

    Agarwal et al. 2022, with lengths divided and not elements, as in `stability`, whose noise it is. NaN for a
    zero map, for a layer that is silent, and if no copy keeps the predicted class and changes the layer.
    """
    inner, prediction = model.tap(x, target)[0].flatten(1), model.logits(x).argmax(1)
    ratios, same = [], []
    for _ in range(samples):
        copy = near(x, baseline, rng, radius)
        step = relative_change(inner, model.tap(copy, target)[0].flatten(1))
        ratios.append(relative_change(attribution, explain(x=copy)) / step.clamp(min=FLOOR))
        same.append((model.logits(copy).argmax(1) == prediction) & (step != 0))
    return largest(torch.stack(ratios, 1), torch.stack(same, 1))
