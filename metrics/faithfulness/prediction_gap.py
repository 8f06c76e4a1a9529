"""PGI and PGU, from the same draws."""

from math import ceil

import torch
from torch import Tensor

from ...benchmark import BlackBox, Rng, at_elements, descending, like_input, metric, per_unit


@metric(
    better={"pgi": "higher", "pgu": "lower"},
    reads="magnitude",
    paper="arXiv:2206.11104",
    passes=lambda draws: (1 + 2 * draws, 0),
)
def prediction_gap(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    units: Tensor,
    attribution: Tensor,
    pool: Tensor,
    rng: Rng,
    *,
    share: float = 0.25,
    noise: float = 0.5,
    draws: int = 16,
) -> dict[str, Tensor]:
    """PGI and PGU: how far the score moves when noise falls on the most relevant units, and when on all others.

    The mean magnitude of the change over several draws (Dai et al. 2022; Agarwal et al. 2022, OpenXAI). The top units
    are a `share` of them, rounded up, by the magnitude of their relevance: noise has no sign. It is normal, with the
    standard deviation of each entry of the input over the pool, times `noise`; both scores meet the same draws.
    """
    strength = noise * pool.double().std(0, correction=0)
    relevance = per_unit(attribution, units)
    place = descending(relevance.abs(), rng).argsort(1)
    top = like_input(at_elements(place < ceil(share * relevance.shape[1]), units), x)
    score = model.score(x, target)
    moved = torch.zeros(2, len(x), dtype=torch.float64)
    for _ in range(draws):
        step = (strength * rng.normal(*x.shape[1:])).to(x.dtype)
        for gap, where in zip(moved, (top, ~top), strict=True):
            gap += (model.score(x + step * where, target) - score).abs()
    important, unimportant = moved / draws
    return {"pgi": important, "pgu": unimportant}
