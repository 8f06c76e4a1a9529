"""Extremal perturbation."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...benchmark import Differentiable, method
from .._budget import demand
from ._area import CELLS, beyond, smoothed, steps_of
from ._learned import Fading, descended, fading

WEIGHT, GROWTH, RATE = 15.0, 16.0, 0.2
"""Those of TorchRay, the authors' code (300, to 16 times as much, and 0.01), for a score that changes by 1, not 20."""


@method(paper="arXiv:1910.08485", signed=False, passes=lambda budget, areas: steps_of(budget, areas)[1])
def extremal_perturbation(
    model: Differentiable,
    x: Tensor,
    target: Tensor,
    baseline: Tensor,
    *,
    budget: int = 802,
    areas: Sequence[float] = (0.1,),
    deletion: str = "baseline",
) -> Tensor:
    """The smooth mask of a given area that keeps the target score highest, learned; the mean over the `areas`.

    The areas, as shares of the input, divide the budget; the default are the paper's 800 steps, and the two ends, whose
    difference is the unit of the score. `deletion` is "baseline", or the paper's "blur". Masks start half deleted,
    where no probability is saturated.
    """
    demand(budget, 2 + len(areas), "extremal_perturbation")
    if not areas or not all(0 < area < 1 for area in areas):
        raise ValueError(f"areas are {tuple(areas)}: give shares of the input between 0 and 1, at least one")
    inputs, steps = _repeated(fading(model, x, target, baseline, deletion), len(areas)), steps_of(budget, areas)[0]
    area = torch.tensor(areas, dtype=torch.float64).repeat(len(x))

    def shown(mask: Tensor) -> Tensor:
        return inputs.enlarged(smoothed(mask)) if inputs.sides else mask

    def loss(mask: Tensor, step: int) -> Tensor:
        # The order of a level mask's elements says nothing yet, so the area waits for the first step.
        visible, weight = shown(mask), WEIGHT * float(GROWTH ** (step / steps)) * (step > 0)
        return weight * beyond(visible, area) - inputs.share(visible)

    mask = inputs.start(tuple(min(CELLS, side) for side in inputs.sides), 0.5)
    optimiser = torch.optim.SGD([mask], lr=RATE, momentum=0.9, dampening=0.9)
    found = shown(descended(mask, steps, optimiser, loss))
    return found.reshape(len(x), len(areas), *found.shape[1:]).mean(1)


def _repeated(inputs: Fading, times: int) -> Fading:
    parts = (inputs.x, inputs.target, inputs.hidden, inputs.change)
    return Fading(inputs.model, *(part.repeat_interleave(times, 0) for part in parts))
