"""Maps from orders."""

from dataclasses import replace

import torch
from torch import Tensor

from ...benchmark import Game, Refused, at_elements
from ._scores import Judge, Weights
from ._search import Ordered, search

TOGETHER = 1 << 22
"""Samples are searched together while they have so many pairs of units."""
MOST = 4096
"""The most units: a step holds a few tables of all their pairs."""


def subset_map(game: Game, weights: Weights, pending: int, k: int) -> Tensor:
    """Return the map (N, E) of the order that a search finds: from 1 for the first unit to 0 for the last.

    Its values are not below 0, but no magnitudes: the order runs from what speaks for the target to what speaks against
    it.
    """
    if pending < 1 or k < 0:
        raise ValueError(f"pending is {pending} and k {k}: give pending from 1, and k from 0 (all)")
    units = game.players
    if units > MOST:
        raise Refused(
            f"{units} units need {8 * units**2 / 2**30:.1f} GiB for each table of their pairs: cut the input into at "
            f"most {MOST} units"
        )
    places = torch.split(torch.arange(len(game.batch)), max(1, TOGETHER // units**2))
    return torch.cat([_some(game, place, weights, pending, k) for place in places])


def _some(game: Game, place: Tensor, weights: Weights, pending: int, k: int) -> Tensor:
    parts = None if game.parts is None else game.parts[place]
    some = replace(game, batch=game.batch.picked(place.tolist()), parts=parts, count=game.players)
    return at_elements(unit_values(search(Judge(some, weights), pending, k)), some.units)


def unit_values(found: Ordered) -> Tensor:
    """Return the value (N, U) of every unit: how much the scores still change after it has come, as a share.

    Where they never change after the first, there is nothing to tell, and all values are 0.
    """
    change = (found.consistency + found.collaboration).diff(dim=1).abs()
    after = change.flip(1).cumsum(1).flip(1) - change
    first = after[:, :1]
    share = torch.where(first > 0, after / first, 0.0)
    return torch.zeros_like(share[:, found.level - 1]).scatter(1, found.order, share[:, found.level - 1])
