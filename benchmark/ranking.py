"""Orders of relevance, with ties broken by chance and never by position."""

import torch
from torch import Tensor

from .randomness import Rng


def descending(relevance: Tensor, rng: Rng) -> Tensor:
    """Return the indices (N, U) that sort relevance from high to low; ties come in a seeded random order.

    The order of ties depends on the stream alone, so it is the same for every method.
    """
    shuffle = rng.permutation(relevance.shape[1])
    order = relevance.gather(1, shuffle).argsort(dim=1, descending=True, stable=True)
    return shuffle.gather(1, order)


def tied_share(relevance: Tensor) -> Tensor:
    """Return the share of entries (N,) that have the same relevance as another entry of their sample."""
    ordered = relevance.sort(dim=1).values
    equal = ordered[:, 1:] == ordered[:, :-1]
    edge = equal.new_zeros(len(equal), 1)
    return (torch.cat([equal, edge], 1) | torch.cat([edge, equal], 1)).double().mean(1)


def ranks(values: Tensor) -> Tensor:
    """Return the ranks 1..U of each row (N, U) in ascending order, ties sharing their mean rank."""
    ordered, values = values.sort(1).values, values.contiguous()
    below, up_to = (torch.searchsorted(ordered, values, right=right) for right in (False, True))
    return (below + up_to + 1).double() / 2
