"""Insertion and deletion, from the same passes."""

import torch
from torch import Tensor

from ...benchmark import (
    Better,
    BlackBox,
    Rng,
    area,
    areas,
    at_elements,
    confidence_normalised,
    descending,
    impute,
    metric,
    per_unit,
    tied_share,
    unit_count,
)

BETTER: dict[str, Better] = {
    "insertion": "higher",
    "deletion": "lower",
    "insertion_normalised": "higher",
    "deletion_normalised": "lower",
    "relevance_gain": "higher",
    "tied_units": "lower",
}


@metric(better=BETTER, paper="arXiv:1806.07421", passes=lambda steps, units: (2 * min(steps, units), 0))
def perturbation_curves(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    units: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    rng: Rng,
    *,
    steps: int = 16,
) -> dict[str, Tensor]:
    """Insertion and deletion areas, raw and confidence-normalised, and their difference.

    Units go in the order of relevance per area, at most `steps` cuts; both end points are included, and the abscissa
    is the exact share of the area that was inserted or removed. In `relevance_gain` (insertion - deletion, the
    symmetric relevance gain of Blücher et al. 2024) a random order cancels. The curves are kept beside the areas.
    """
    relevance = per_unit(attribution, units)
    place = at_elements(descending(relevance / areas(units), rng).argsort(1), units)
    cuts = _cuts(unit_count(units), steps)
    empty, full = model.score(baseline, target), model.score(x, target)
    between = [place < cut for cut in cuts[1:-1]]
    inserted = [model.score(impute(x, baseline, top), target) for top in between]
    deleted = [model.score(impute(x, baseline, ~top), target) for top in between]
    curves = {
        "insertion": torch.stack([empty, *inserted, full], 1),
        "deletion": torch.stack([full, *deleted, empty], 1),
    }
    fraction = torch.stack([(place < cut).double().mean(1) for cut in cuts], 1)
    below = {name: area(fraction, curve) for name, curve in curves.items()}
    rescaled = {name: confidence_normalised(curve, full, empty) for name, curve in curves.items()}
    return {
        **below,
        **{f"{name}_normalised": area(fraction, curve) for name, curve in rescaled.items()},
        "relevance_gain": below["insertion"] - below["deletion"],
        "tied_units": tied_share(relevance),
        "fraction": fraction,
        **{f"{name}_curve": curve for name, curve in curves.items()},
    }


def _cuts(units: int, steps: int) -> list[int]:
    """Return how many units are in at each point of a curve, both ends included."""
    count = min(steps, units)
    return [round(units * step / count) for step in range(count + 1)]
