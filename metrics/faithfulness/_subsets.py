"""Subsets of units: what a map says that hiding them does, and what it really does."""

from itertools import combinations
from math import comb

import torch
from torch import Tensor

from ...benchmark import Game, Rng, per_unit, uncancelled


def subset_count(units: int, size: int, most: int) -> int:
    """Return how many subsets of a size are asked about: all that there are, but at most so many."""
    return min(most, comb(units, size))


def subset_size(units: int, share: float) -> int:
    """Return how many units make up a share of them: one or more, but not all."""
    return max(1, min(round(share * units), units - 1))


def subset_effects(
    game: Game, units: Tensor, attribution: Tensor, rng: Rng, size: int, most: int
) -> tuple[Tensor, Tensor]:
    """Return the relevance (N, M) in subsets of so many units, and the fall of the score when each is hidden."""
    hidden = _subsets(game.players, size, most, rng)
    chosen = per_unit(attribution, units)[:, None] * hidden
    return uncancelled(chosen.sum(2), chosen.abs().sum(2)), game.full[:, None] - game.scores(~hidden)


def _subsets(units: int, size: int, most: int, rng: Rng) -> Tensor:
    """Return subsets (N, M, U) of one size: every one there is, or `most` random ones where there are more."""
    if comb(units, size) > most:
        return rng.uniform(most, units).argsort(2) < size
    members = torch.tensor(list(combinations(range(units), size)))
    every = torch.zeros(len(members), units, dtype=torch.bool).scatter_(1, members, True)
    return every.expand(len(rng), -1, -1)
