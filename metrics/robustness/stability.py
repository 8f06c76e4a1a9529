"""All scores of how much an explanation changes beside its input, from the same explanations."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import Better, BlackBox, Rng, metric
from .._nearby import FLOOR, coordinates, largest, near, relative_change

BETTER: dict[str, Better] = {
    "max_sensitivity": "lower",
    "average_sensitivity": "lower",
    "local_lipschitz": "lower",
    "relative_input_stability": "lower",
    "relative_output_stability": "lower",
}


@metric(better=BETTER, paper="arXiv:1901.09392", passes=lambda samples: (samples + 1, 0))
def stability(
    explain: Callable[..., Tensor],
    model: BlackBox,
    x: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    rng: Rng,
    *,
    radius: float = 0.02,
    samples: int = 8,
) -> dict[str, Tensor]:
    """Sensitivity, the local Lipschitz constant and relative stability, from explanations of noisy copies.

    Copies lie uniformly, to both sides, within `radius` of each pixel; within `radius` times its distance from the
    baseline of each column, in whose multiples distances are measured, too. The explanation's change is always relative
    to its length: NaN for a zero map, and for a row that is its baseline.

    - `max_sensitivity`, `average_sensitivity`: that change (Yeh et al. 2019; Bhatt et al. 2020).
    - `local_lipschitz`: the largest change over the input's distance (Alvarez-Melis & Jaakkola 2018, whose own is
      not relative and depends on the map's scale).
    - `relative_input_stability`, `relative_output_stability`: the largest change over that of the input, relative to
      it, or over that of the logits (Agarwal et al. 2022). Lengths are divided, not elements as there:
      one element near zero would decide the score. Copies of another predicted class do not count, nor do those that
      leave the logits as they are: no change is any share of none. NaN if none is left.

    The largest of `samples` is at most the true one; all methods meet the same copies.
    """
    copies = [near(x, baseline, rng, radius) for _ in range(samples)]
    here, *there = (coordinates(at, x, baseline) for at in (x, *copies))
    distance = torch.stack([(at - here).norm(dim=1) for at in there], 1)
    change = torch.stack([relative_change(attribution, explain(x=copy)) for copy in copies], 1)
    change = change.where(distance > 0, torch.nan)
    logits = torch.stack([model.logits(at).double() for at in (x, *copies)], 1)
    output = (logits[:, 1:] - logits[:, :1]).norm(dim=2)
    prediction = logits.argmax(2)
    same = prediction[:, 1:] == prediction[:, :1]
    step = distance / here.norm(dim=1, keepdim=True)
    return {
        "max_sensitivity": change.amax(1),
        "average_sensitivity": change.mean(1),
        "local_lipschitz": (change / distance).amax(1),
        "relative_input_stability": largest(change / step.clamp(min=FLOOR), same),
        "relative_output_stability": largest(change / output.clamp(min=FLOOR), same & (output > 0)),
    }
