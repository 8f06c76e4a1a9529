"""ADCC."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import BlackBox, metric
from ._correlation import pearson
from ._shading import brightness, relative_drop, shaded


@metric(
    better={"adcc": "higher", "coherency": "higher", "map_complexity": "lower"},
    reads="positive",
    paper="arXiv:2104.10252",
    passes=lambda: (2, 0),
)
def adcc(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    explain: Callable[..., Tensor],
) -> dict[str, Tensor]:
    """ADCC: the harmonic mean of coherency, 1 - complexity and 1 - average drop.

    The input is multiplied by its map as for `average_drop`, and explained again (Poppi et al. 2021).

    - `coherency`: Pearson's correlation of the positive parts of the two maps, from [-1, 1] to [0, 1]; NaN where
      either is constant. It asks for the same map of another input, and is 1 for whatever ignores the input.
    - `map_complexity`: the mean of the map over its largest value, in (0, 1]; NaN where nothing is positive.
    - `adcc`: 0 where one of the three is 0 (a drop by more than all counts as all), NaN where one is NaN.
    """
    bright = brightness(attribution)
    masked = shaded(x, baseline, bright)
    again = explain(x=masked).double().clamp(min=0)
    drop = relative_drop(model.score(x, target).double(), model.score(masked, target).double())
    coherency, complexity = (1 + pearson(bright, again)) / 2, bright.mean(1)
    parts = torch.stack([coherency, 1 - complexity, 1 - drop], 1)
    return {"adcc": 3 / (1 / parts.clamp(min=0)).sum(1), "coherency": coherency, "map_complexity": complexity}
