"""All scores of inserting and deleting units in the order of relevance, from the same passes."""

import torch
from torch import Tensor

from ...benchmark import (
    Better,
    Game,
    Rng,
    area,
    areas,
    confidence_normalised,
    descending,
    metric,
    per_unit,
    tied_share,
    unit_count,
)

SHARES = (25, 50, 75, 100)
"""The shares of the area, in percent, within which the highest confidence is looked for."""
BETTER: dict[str, Better] = {
    "insertion": "higher",
    "deletion": "lower",
    "insertion_normalised": "higher",
    "deletion_normalised": "lower",
    "relevance_gain": "higher",
    "aopc": "higher",
    "monotonicity": "higher",
    "minimal_insertion": "lower",
    "minimal_deletion": "lower",
    **{f"highest_confidence_{share}": "higher" for share in SHARES},
    "tied_units": "lower",
}
ROUNDING = 1e-9
"""The most that a score may fall, relative to the curve's height, without counting as a fall."""


def cut_count(units: int, steps: int) -> int:
    """Return into how many pieces the units are cut: at most `steps`.

    An odd number of units is cut an odd number of times, or the middle cut would lie off the middle, and inserting in
    one order would not be deleting in the reverse one.
    """
    count = min(steps, units)
    return count - (units % 2 > count % 2)


@metric(
    better=BETTER,
    descriptive=("monotonicity", "tied_units"),
    paper="arXiv:1806.07421",
    passes=lambda steps, units: (2 * cut_count(units, steps), 0),
)
def perturbation_curves(
    game: Game, units: Tensor, attribution: Tensor, rng: Rng, *, steps: int = 16
) -> dict[str, Tensor]:
    """Insertion, deletion and all else that can be read from their two curves.

    Units go in the order of relevance per area, at most `steps` cuts; both end points are included, and the abscissa
    is the exact share of the area that was inserted or removed.

    - `insertion`, `deletion`: the areas (Petsiuk et al. 2018). Deleting is MoRF; inserting is LeRF, read backwards.
      `_normalised`: of the curves rescaled to 1 for the whole input and 0 for the empty one, NaN where these are equal.
    - `relevance_gain`: insertion - deletion, which is ABPC (Samek et al. 2017) and the symmetric relevance gain
      (Blücher et al. 2024); a random order has 0 in expectation.
    - `aopc`: the mean drop over the cuts of the deletion, the first point included (Samek et al. 2017, eq. 12).
    - `monotonicity`: 1 if the score never falls while units are added, the least relevant first (Arya et al. 2019).
    - `minimal_insertion`, `minimal_deletion`: the smallest share of the area whose insertion makes the target the
      prediction, or whose deletion ends that (Gevaert et al. 2022); NaN where no cut does, or it never was.
    - `highest_confidence_S`: the highest score of the insertion within S % of the area (Chen et al. 2024).
    - `tied_units`: the share of units with the relevance of another.

    The curves are kept beside the scores.
    """
    size = areas(units)
    density = per_unit(attribution, units) / size
    place = descending(density, rng).argsort(1)
    top = torch.stack([place < cut for cut in _cuts(unit_count(units), steps)], 1)
    logits = game.logits(torch.cat([top, ~top[:, 1:-1]], 1))
    count = top.shape[1]
    # From nothing to everything, and from everything to nothing: the ends are shared.
    inserted = logits[:, :count]
    deleted = torch.cat([logits[:, count - 1 : count], logits[:, count:], logits[:, :1]], 1)
    insertion, deletion = game.read(inserted), game.read(deleted)
    fraction = (top * size[:, None]).sum(2) / size.sum(1, keepdim=True).double()
    ends = insertion[:, -1], insertion[:, 0]
    below = {"insertion": area(fraction, insertion), "deletion": area(fraction, deletion)}
    confident = {
        f"{name}_normalised": area(fraction, confidence_normalised(curve, *ends))
        for name, curve in (("insertion", insertion), ("deletion", deletion))
    }
    predicted, kept = game.read(inserted, "margin") > 0, game.read(deleted, "margin") > 0
    return {
        **below,
        **confident,
        "relevance_gain": below["insertion"] - below["deletion"],
        "aopc": (deletion[:, :1] - deletion).mean(1),
        "monotonicity": _never_falls(deletion.flip(1)),
        "minimal_insertion": _first(fraction, predicted),
        "minimal_deletion": _first(fraction, ~kept & kept[:, :1]),
        **{f"highest_confidence_{share}": _highest(fraction, insertion, share) for share in SHARES},
        "tied_units": tied_share(density),
        "fraction": fraction,
        "insertion_curve": insertion,
        "deletion_curve": deletion,
    }


def _cuts(units: int, steps: int) -> list[int]:
    """Return how many units are in at each point of a curve, both ends included."""
    count = cut_count(units, steps)
    return [round(units * step / count) for step in range(count + 1)]


def _never_falls(curve: Tensor) -> Tensor:
    allowed = ROUNDING * curve.abs().amax(1, keepdim=True)
    return (curve.diff(dim=1) >= -allowed).all(1).double()


def _first(fraction: Tensor, reached: Tensor) -> Tensor:
    """Return the abscissa of the first point of each row (N, S) that is reached; NaN where none is."""
    return fraction.masked_fill(~reached, torch.inf).amin(1).where(reached.any(1), torch.nan)


def _highest(fraction: Tensor, curve: Tensor, percent: int) -> Tensor:
    within = fraction <= percent / 100 + ROUNDING
    return curve.masked_fill(~within, -torch.inf).amax(1)
