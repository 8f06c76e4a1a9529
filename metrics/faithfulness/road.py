"""ROAD."""

import torch
from torch import Tensor

from ...benchmark import Game, Refused, Rng, areas, descending, metric, per_unit

PERCENT = (10, 20, 30, 40, 50, 60, 70, 80, 90)
"""The shares of the area that are hidden."""


@metric(
    better={"road_morf": "lower", "road_lerf": "higher", "road_gap": "higher"},
    imputer="noisy_linear",
    paper="arXiv:2202.00449",
    passes=lambda: (2 * len(PERCENT), 0),
)
def road(game: Game, units: Tensor, attribution: Tensor, rng: Rng) -> dict[str, Tensor]:
    """ROAD: the score while units give way to a noisy linear imputation, the most or the least relevant first.

    Units go by relevance per area; for each of 10, 20, … 90 % of the area so many are hidden, at least one and not all,
    that their area comes nearest. Never by a threshold on relevance, which takes all that is tied at once.

    - `road_morf`, `road_lerf`: the mean score over the nine shares, the most or the least relevant hidden first (Rong
      et al. 2022, who report the accuracy at each share). `road_gap`: `road_lerf` - `road_morf`; a random order has 0
      in expectation.

    The curves are kept beside the scores, with the exact hidden shares.
    """
    if game.players < 2:
        raise Refused("the samples have one unit only: there is nothing to put in order")
    size = areas(units)
    first = descending(per_unit(attribution, units) / size, rng)
    hidden = torch.cat([_hidden(order, size) for order in (first, first.flip(1))], 1)
    morf, lerf = game.scores(~hidden).chunk(2, 1)
    share_morf, share_lerf = ((hidden * size[:, None]).sum(2) / size.sum(1, keepdim=True).double()).chunk(2, 1)
    return {
        "road_morf": morf.mean(1),
        "road_lerf": lerf.mean(1),
        "road_gap": (lerf - morf).mean(1),
        "road_morf_curve": morf,
        "road_lerf_curve": lerf,
        "road_morf_share": share_morf,
        "road_lerf_share": share_lerf,
    }


def _hidden(order: Tensor, size: Tensor) -> Tensor:
    """Return which units (N, S, U) are hidden at each share of the area, in an order (N, U)."""
    covered = 100 * size.gather(1, order).cumsum(1)[:, None, :-1]
    wanted = torch.tensor(PERCENT)[None, :, None] * size.sum(1)[:, None, None]
    count = (covered - wanted).abs().argmin(2, keepdim=True) + 1
    return order.argsort(1)[:, None] < count
