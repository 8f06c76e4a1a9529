"""IROF."""

from dataclasses import replace

import torch
from torch import Tensor

from ...benchmark import Game, Rng, area, areas, descending, divide, element_count, metric, per_unit


@metric(better="higher", paper="arXiv:2003.08747")
def irof(game: Game, x: Tensor, attribution: Tensor, rng: Rng, *, segments: int = 50) -> Tensor:
    """IROF: the area over the curve of f(x without superpixels) / f(x), in the order of their mean relevance.

    Each picture is cut into about so many SLIC superpixels of its own, whatever the task's units are (Rieger and
    Hansen 2020). Unlike there the abscissa is the exact share of the removed area. 1 is a score that is gone
    at once; NaN where f(x) is not positive.
    """
    labels = divide(x, "slic", segments)
    # Pictures differ in their number of superpixels: each has room for one per pixel, and what is not there goes last.
    size = areas(labels, element_count(x))
    density = (per_unit(attribution, labels, element_count(x)) / size).where(size > 0, -torch.inf)
    order = descending(density, rng)
    removed = [_share_removed(game, i, labels[i : i + 1], order[i : i + 1], size[i : i + 1]) for i in range(len(x))]
    return torch.cat(removed)


def _share_removed(game: Game, i: int, labels: Tensor, order: Tensor, size: Tensor) -> Tensor:
    """Return the area over the curve (1,) of one sample."""
    alone = replace(game, batch=game.batch.picked([i])).on(labels)
    own = order[:, : alone.players]
    gone = own.argsort(1)[:, None] < torch.arange(alone.players + 1)[:, None]
    share = (gone * size[:, None, : alone.players]).sum(2) / size.sum(1, keepdim=True).double()
    curve = alone.scores(~gone)
    return area(share, 1 - curve / curve[:, :1].where(curve[:, :1] > 0, torch.nan))
