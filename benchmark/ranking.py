"""Orders of relevance, with ties broken by chance and never by position or rounding."""

import torch
from torch import Tensor

from .randomness import Rng

PRECISION = 2.0**-36
"""Values that differ by less, relative to the smaller one, are equal but for rounding.

Sums over tens of thousands of elements are more precise, and single precision is less: two different numbers of it
always differ by more.
"""


DIFFERENCES = 2.0**-40
"""The rounding of differences of numbers in double precision, relative to the largest of them."""


def rounding_of(dtype: torch.dtype) -> float:
    """Return how far apart, relative to the largest, differences of scores in a precision are that are the same."""
    return max(8 * torch.finfo(dtype).eps, DIFFERENCES) if dtype.is_floating_point else DIFFERENCES


def snapped(values: Tensor, rounding: float = 0.0) -> Tensor:
    """Return rows (N, U), in double precision, in which values that only rounding tells apart are equal.

    In ascending order, each value that is more than `PRECISION` above the last one of its own starts a level, and all
    up to the next level become equal to it. So a level never grows by chains of neighbours. Differences, which are
    rounded as what they are made of, are told apart only by more than `rounding` (see `rounding_of`) times the largest
    magnitude of their row. NaN stays NaN.
    """
    precise = values.double().contiguous()
    ordered, place = precise.nan_to_num(torch.inf, torch.inf, -torch.inf).sort(1)
    reach = torch.where(ordered > 0, ordered * (1 + PRECISION), ordered * (1 - PRECISION))
    if rounding:
        largest = ordered.abs().masked_fill(ordered.isinf(), 0.0).amax(1, keepdim=True)
        reach = reach.maximum(ordered + rounding * largest)
    if not ((ordered[:, 1:] > ordered[:, :-1]) & (ordered[:, 1:] <= reach[:, :-1])).any():
        return precise
    level = ordered.gather(1, _level_starts(torch.searchsorted(ordered, reach.contiguous(), right=True)))
    return level.scatter(1, place, level).where(~precise.isnan(), torch.nan)


def _level_starts(following: Tensor) -> Tensor:
    """Return the place (N, U) at which the level of each place starts, given where a level from there would end.

    The starts are 0, what follows 0, what follows that, …: each round finds as many more as were found before.
    """
    count = following.shape[1]
    jump = torch.cat([following, following.new_full((len(following), 1), count)], 1)
    starts = torch.zeros_like(jump)
    starts[:, 0] = 1
    for _ in range(count.bit_length()):
        starts.scatter_reduce_(1, jump, starts.clone(), "amax")
        jump = jump.gather(1, jump)
    return (starts * torch.arange(count + 1, device=jump.device))[:, :count].cummax(1).values


def descending(relevance: Tensor, rng: Rng) -> Tensor:
    """Return the indices (N, U) that sort relevance from high to low; ties come in a seeded random order.

    What only rounding tells apart is tied (see `snapped`). The order of ties depends on the stream alone, so it is the
    same for every method.
    """
    shuffle = rng.permutation(relevance.shape[1])
    order = snapped(relevance).gather(1, shuffle).argsort(dim=1, descending=True, stable=True)
    return shuffle.gather(1, order)


def tied_share(relevance: Tensor) -> Tensor:
    """Return the share of entries (N,) that have the same relevance, but for rounding, as another of their sample."""
    ordered = snapped(relevance).sort(dim=1).values
    equal = ordered[:, 1:] == ordered[:, :-1]
    edge = equal.new_zeros(len(equal), 1)
    return (torch.cat([equal, edge], 1) | torch.cat([edge, equal], 1)).double().mean(1)


def ranks(values: Tensor, rounding: float = 0.0) -> Tensor:
    """Return the ranks 1..U of each row (N, U) in ascending order, ties (see `snapped`) sharing their mean rank."""
    level = snapped(values, rounding)
    ordered = level.sort(1).values
    below, up_to = (torch.searchsorted(ordered, level, right=right) for right in (False, True))
    return (below + up_to + 1).double() / 2
