"""A tree of the units, and the values of its branches."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...benchmark import Game, areas, per_unit


def bills(units: int) -> Iterator[int]:
    """Yield what dividing all branches of one depth after the other costs, in passes."""
    branches, contexts = [units], 1
    while branches := [size for size in branches if size > 1]:
        yield 2 * contexts * len(branches)
        branches = [half for size in branches for half in (size // 2, size - size // 2)]
        contexts *= 2


def depth_and_bill(units: int, budget: int) -> tuple[int, int]:
    """Return how often all branches can be divided for a budget, and the passes of it, the two ends with them."""
    depth, spent = 0, 2
    for bill in bills(units):
        if spent + bill > budget:
            break
        depth, spent = depth + 1, spent + bill
    return depth, spent


def centres(units: Tensor, sides: tuple[int, ...]) -> Tensor:
    """Return the mean place of each unit's elements, (N, U, axes), of inputs with these sides."""
    axes = torch.meshgrid(*(torch.arange(side, dtype=torch.float64) for side in sides), indexing="ij")
    sums = [per_unit(axis.reshape(1, -1).expand(len(units), -1), units) for axis in axes]
    return torch.stack(sums, 2) / areas(units)[:, :, None]


def halved(centre: Tensor) -> Tensor:
    """Return an order (N, U) of units in which every branch is a run, halved along the axis on which it is longest."""
    units = centre.shape[1]
    if units == 1:
        return centre.new_zeros(centre.shape[:2], dtype=torch.int64)
    longest = (centre.amax(1) - centre.amin(1)).argmax(1)
    along = centre.gather(2, longest[:, None, None].expand(-1, units, 1))[:, :, 0].argsort(dim=1, stable=True)
    halves = torch.split(along, [units // 2, units - units // 2], 1)
    inside = (halved(centre.gather(1, half[:, :, None].expand(-1, -1, centre.shape[2]))) for half in halves)
    return torch.cat([half.gather(1, order) for half, order in zip(halves, inside, strict=True)], 1)


@dataclass(frozen=True)
class Branch:
    """A run of units in the tree's order, and the scores without and with it, beside several coalitions of others."""

    start: int
    stop: int
    beside: Tensor
    """(N, M, U) bool, in the tree's order."""
    without: Tensor
    """(N, M)"""
    complete: Tensor
    """(N, M)"""

    def span(self, start: int, stop: int) -> Tensor:
        """Return the coalitions beside, with a run of units, (N, M, U)."""
        place = torch.arange(self.beside.shape[2])
        return self.beside | ((place >= start) & (place < stop))

    def values(self) -> Tensor:
        """Return what its units add on average (N, size); all of them the same."""
        size = self.stop - self.start
        return ((self.complete - self.without).mean(1, keepdim=True) / size).expand(-1, size)


@dataclass(frozen=True)
class Tree:
    """A game whose units are the leaves of a tree; their order is that of the leaves."""

    game: Game
    order: Tensor
    """(N, U)"""

    def scores(self, kept: Tensor) -> Tensor:
        """Return the scores (N, M) of coalitions (N, M, U) in the tree's order."""
        place = self.order.argsort(1)[:, None].expand_as(kept)
        return self.game.scores(kept.gather(2, place))

    def root(self) -> Branch:
        """Return all units, beside nothing."""
        empty, full = (end[:, None] for end in (self.game.empty, self.game.full))
        nothing = torch.zeros(len(empty), 1, self.game.players, dtype=torch.bool)
        return Branch(0, self.game.players, nothing, empty, full)

    def halves(self, branch: Branch) -> tuple[Branch, Branch]:
        """Divide a branch; each half stands beside what the branch does, without and with the other half."""
        start, middle, stop = branch.start, branch.start + (branch.stop - branch.start) // 2, branch.stop
        left, right = branch.span(start, middle), branch.span(middle, stop)
        with_left, with_right = self.scores(torch.cat([left, right], 1)).tensor_split(2, 1)
        return (
            _half(branch, (start, middle), right, with_left, with_right),
            _half(branch, (middle, stop), left, with_right, with_left),
        )

    def values(self, branch: Branch, depth: int) -> Tensor:
        """Return the values of a branch's units (N, size), divided `depth` times; then units share alike."""
        if depth == 0 or branch.stop - branch.start == 1:
            return branch.values()
        return torch.cat([self.values(half, depth - 1) for half in self.halves(branch)], 1)


def _half(branch: Branch, run: tuple[int, int], other: Tensor, own_score: Tensor, other_score: Tensor) -> Branch:
    return Branch(
        *run,
        torch.cat([branch.beside, other], 1),
        torch.cat([branch.without, other_score], 1),
        torch.cat([own_score, branch.complete], 1),
    )
