"""Insertion and deletion, from the same passes."""

import torch
from torch import Tensor

from ...benchmark import (
    Better,
    BlackBox,
    Rng,
    area,
    areas,
    confidence_normalised,
    descending,
    metric,
    per_unit,
    subset_scores,
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


def cut_count(units: int, steps: int) -> int:
    """Return into how many pieces the units are cut: at most `steps`.

    An odd number of units is cut an odd number of times, or the middle cut would lie off the middle, and inserting in
    one order would not be deleting in the reverse one.
    """
    count = min(steps, units)
    return count - (units % 2 > count % 2)


@metric(better=BETTER, paper="arXiv:1806.07421", passes=lambda steps, units: (2 * cut_count(units, steps), 0))
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
    size = areas(units)
    density = per_unit(attribution, units) / size
    place = descending(density, rng).argsort(1)
    top = torch.stack([place < cut for cut in _cuts(unit_count(units), steps)], 1)
    empty, full = model.score(baseline, target), model.score(x, target)
    inserted, deleted = (
        subset_scores(model, x, target, baseline, units, kept) for kept in (top[:, 1:-1], ~top[:, 1:-1])
    )
    curves = {
        "insertion": torch.cat([empty[:, None], inserted, full[:, None]], 1),
        "deletion": torch.cat([full[:, None], deleted, empty[:, None]], 1),
    }
    fraction = (top * size[:, None]).sum(2) / size.sum(1, keepdim=True).double()
    below = {name: area(fraction, curve) for name, curve in curves.items()}
    rescaled = {name: confidence_normalised(curve, full, empty) for name, curve in curves.items()}
    return {
        **below,
        **{f"{name}_normalised": area(fraction, curve) for name, curve in rescaled.items()},
        "relevance_gain": below["insertion"] - below["deletion"],
        "tied_units": tied_share(density),
        "fraction": fraction,
        **{f"{name}_curve": curve for name, curve in curves.items()},
    }


def _cuts(units: int, steps: int) -> list[int]:
    """Return how many units are in at each point of a curve, both ends included."""
    count = cut_count(units, steps)
    return [round(units * step / count) for step in range(count + 1)]
