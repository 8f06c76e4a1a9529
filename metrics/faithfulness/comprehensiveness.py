"""All scores of hiding, or keeping, the most relevant units, from the same passes."""

import torch
from torch import Tensor

from ...benchmark import Game, Rng, descending, metric, per_unit

SHARES = (1, 5, 10, 20, 50)
"""The shares of units, in percent, that count as the rationale."""
MASKED = 20
"""The share of units, in percent, whose hiding the log-odds are about."""


def top_count(units: int, percent: int) -> int:
    """Return how many units are the top so many percent: rounded up, so one or more."""
    return -(-units * percent // 100)


def _counts(units: int) -> list[int]:
    return sorted({top_count(units, percent) for percent in SHARES})


@metric(
    better={"comprehensiveness": "higher", "sufficiency": "lower", "log_odds": "lower"},
    paper="arXiv:1911.03429",
    passes=lambda units: (1 + 2 * len(_counts(units)), 0),
)
def comprehensiveness(game: Game, units: Tensor, attribution: Tensor, rng: Rng) -> dict[str, Tensor]:
    """Comprehensiveness, sufficiency and log-odds: what is lost without the most relevant units, and with them alone.

    - `comprehensiveness`: f(x) - f(x without the top units), `sufficiency`: f(x) - f(the top units alone), averaged
      over the top 1, 5, 10, 20 and 50 % (DeYoung et al. 2020); few units make some of these the same
      cut, which then counts as often.
    - `log_odds`: the change of the target's log-odds when the top 20 % are hidden, whatever the task reads (Shrikumar
      et al. 2017, where the log-odds are between two classes).

    The budget counts units, so they go by their relevance, not by relevance per area.
    """
    place = descending(per_unit(attribution, units), rng).argsort(1)
    counts = _counts(game.players)
    top = torch.stack([place < count for count in counts], 1)
    logits = game.logits(torch.cat([torch.ones_like(top[:, :1]), ~top, top], 1))
    score, odds = game.read(logits), game.read(logits, "log_odds")
    full, without, alone = score[:, :1], score[:, 1 : len(counts) + 1], score[:, len(counts) + 1 :]
    asked = [counts.index(top_count(game.players, percent)) for percent in SHARES]
    return {
        "comprehensiveness": (full - without[:, asked]).mean(1),
        "sufficiency": (full - alone[:, asked]).mean(1),
        "log_odds": odds[:, 1 + asked[SHARES.index(MASKED)]] - odds[:, 0],
    }
