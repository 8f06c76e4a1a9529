"""All scores of an input that is multiplied by its map, from the same two passes."""

import torch
from torch import Tensor

from ...benchmark import BlackBox, metric
from ._shading import brightness, relative_drop, shaded


@metric(
    better={"average_drop": "lower", "average_increase": "higher", "average_gain": "higher"},
    reads="positive",
    descriptive=("average_increase",),
    paper="arXiv:1710.11063",
    passes=lambda: (2, 0),
)
def average_drop(
    model: BlackBox, x: Tensor, target: Tensor, baseline: Tensor, attribution: Tensor
) -> dict[str, Tensor]:
    """Average drop, increase and gain: what happens to the score when the input is multiplied by its map.

    The map is its positive part over its largest value: papers rescale from the smallest to the largest, which for
    rectified maps is the same, and leaves a constant map nothing. x' = baseline + map (x - baseline).

    - `average_drop`: max(0, f(x) - f(x')) / f(x); NaN where f(x) is not positive. `average_increase`: whether f(x')
      is larger (Chattopadhay et al. 2018).
    - `average_gain`: max(0, f(x') - f(x)) / (1 - f(x)) (Zhang et al. 2023); NaN where the task does not read the
      probability, or it is 1.

    NaN where nothing is positive. A constant map hides nothing, so it has the perfect drop: read these scores beside
    those of the constant control.
    """
    bright = brightness(attribution)
    full, left = model.score(x, target).double(), model.score(shaded(x, baseline, bright), target).double()
    room = 1 - full if model.readout == "probability" else torch.nan
    scores = {
        "average_drop": relative_drop(full, left),
        "average_increase": (left > full).double(),
        "average_gain": (left - full).clamp(min=0) / room,
    }
    return {name: values.masked_fill(bright.isnan().any(1), torch.nan) for name, values in scores.items()}
