"""Shapley values of any game: exactly from all its coalitions, or from sampled orders with their standard error."""

from collections.abc import Callable
from functools import cache
from math import comb, sqrt
from typing import TypeAlias

import torch
from torch import Tensor

from ..benchmark import Rng

Game: TypeAlias = Callable[[Tensor], Tensor]
"""Coalitions of kept players (N, M, U) bool to their values (N, M)."""


def coalitions(players: int) -> Tensor:
    """List all coalitions, (2^U, U) bool: row `k` keeps the players whose bits are set in `k`."""
    return ((torch.arange(2**players)[:, None] >> torch.arange(players)) & 1).bool()


@cache
def shares(players: int) -> Tensor:
    """Return the matrix (2^U, U) that turns the values of all coalitions into Shapley values."""
    kept = coalitions(players)
    before = kept.sum(1, keepdim=True) - kept.long()
    share = torch.tensor([1 / (players * comb(players - 1, k)) for k in range(players)], dtype=torch.float64)[before]
    return torch.where(kept, share, -share)


def exact_shapley(values: Tensor) -> Tensor:
    """Return the Shapley values (N, U), in float64, of games given by the values (N, 2^U) of all `coalitions`."""
    players = values.shape[1].bit_length() - 1
    if players < 1 or values.shape[1] != 2**players:
        raise ValueError(f"values have {values.shape[1]} columns; expected one per coalition of U players, 2^U")
    return values.double() @ shares(players)


def sampled_shapley(game: Game, players: int, permutations: int, rng: Rng) -> tuple[Tensor, Tensor]:
    """Estimate Shapley values (N, U) from random orders and their reverses, and the estimate's standard error (N, U).

    The game is asked once, for 2 + permutations·(U-1) coalitions of each of its N = len(rng) samples. An order and its
    reverse count as one draw, so at least two pairs are needed. Each estimate adds up to the grand coalition's gain.
    """
    if permutations < 4 or permutations % 2:
        raise ValueError(f"permutations is {permutations}; orders come with their reverses: an even number from 4")
    drawn = torch.stack([rng.permutation(players) for _ in range(permutations // 2)], 1)
    ranks = torch.stack([drawn, players - 1 - drawn], 2)
    inner = (ranks[..., None, :] < torch.arange(1, players)[:, None]).flatten(1, 3)
    ends = torch.tensor([False, True])[:, None].expand(len(rng), 2, players)
    values = game(torch.cat([ends, inner], 1)).double()
    empty, full = (values[:, k, None, None, None].expand(*ranks.shape[:3], 1) for k in (0, 1))
    gains = torch.cat([empty, values[:, 2:].reshape(*ranks.shape[:3], players - 1), full], -1).diff(dim=-1)
    pairs = gains.gather(-1, ranks).mean(2)
    return pairs.mean(1), pairs.std(1) / sqrt(pairs.shape[1])
