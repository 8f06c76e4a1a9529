"""Tables of "all of" and "any of": sums of the smallest, or largest, columns of groups, against a reference of zero."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ...benchmark import Batch, Gate, Network, Rng, Truth
from ._table import analytic, drawn, exact, falling, logits, numbers


class Extremes(nn.Module):
    """A weighted sum of the largest, or smallest, columns of groups, plus one of the single columns behind them."""

    def __init__(self, weights: Tensor, single: Tensor, size: int, smallest: bool) -> None:
        super().__init__()
        self.weights, self.single = nn.Parameter(weights.clone()), nn.Parameter(single.clone())
        self.size, self.smallest = size, smallest

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, 2)."""
        grouped, single = cut(x, len(self.weights), self.size)
        extreme = grouped.amin(2) if self.smallest else grouped.amax(2)
        return logits(extreme @ self.weights + single @ self.single)


def cut(x: Tensor, groups: int, size: int) -> tuple[Tensor, Tensor]:
    """Return the columns of the groups, (N, G, size), and the single ones."""
    return x[:, : groups * size].reshape(len(x), groups, size), x[:, groups * size :]


@dataclass(frozen=True, slots=True)
class Groups:
    """Columns in groups of one size with a weight for each group, and single columns behind them with their own."""

    weights: Tensor
    single: Tensor
    size: int

    def network(self, *, smallest: bool = False) -> Network:
        """Build the network that takes the groups' largest, or smallest, columns."""
        return Network(Extremes(self.weights, self.single, self.size, smallest))

    def cut(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the columns of the groups, (N, G, size), and the single ones."""
        return cut(x, len(self.weights), self.size)

    def join(self, grouped: Tensor, single: Tensor) -> Tensor:
        """Weigh what is known of the columns in groups and of the single ones, and lay it out as columns."""
        return torch.cat([(grouped * self.weights[:, None]).flatten(1), single * self.single], 1)

    def truth(self, batch: Batch, shapley: Tensor, gradient: Tensor, path: Tensor) -> Truth:
        """Return the truth from what is known of the groups, (N, G, size) each; single columns are just weighed."""
        _, single = self.cut(batch.x)
        slope = self.join(gradient, torch.ones_like(single))
        effect, integral = (self.join(known, single) for known in (shapley, path))
        silent = torch.cat([self.weights.repeat_interleave(self.size), self.single]) == 0
        impossible = silent if silent.any() else None
        return exact(batch, effect, impossible=impossible, gradient=slope, integrated_gradients=integral)


ALL = Groups(numbers(2, -1.5, 1), torch.zeros(3).double(), 3)


def all_of_three_network() -> Network:
    """A weighted sum of the smallest columns of three groups of three; three more columns are not read."""
    return ALL.network(smallest=True)


def all_of_three_rows(gate: Gate, split: str, size: int) -> Batch:
    """Columns between 1/2 and 3/2, where the reference is zero."""
    return drawn("all_of_three", split, size, lambda rng: 0.5 + rng.uniform(12))


@analytic(samples=all_of_three_rows, on=all_of_three_network, knows={"effect", "values", "impossible"})
def all_of_three(gate: Gate, batch: Batch) -> Truth:
    """How do three columns share what needs all of them, where the gradient sees the smallest alone?"""
    grouped, _ = ALL.cut(batch.x)
    smallest, index = grouped.min(2, keepdim=True)
    one = one_hot(index[..., 0], 3)
    return ALL.truth(batch, (smallest / 3).expand_as(grouped), one, one * grouped)


ANY = Groups(numbers(2, -1.5, 1), torch.zeros(0).double(), 4)


def max_route_network() -> Network:
    """A weighted sum of the largest columns of three groups of four."""
    return ANY.network()


def max_route_rows(gate: Gate, split: str, size: int) -> Batch:
    """Columns between 1/10 and 11/10, where the reference is zero."""
    return drawn("max_route", split, size, lambda rng: 0.1 + rng.uniform(12))


def airport(costs: Tensor) -> Tensor:
    """Return the Shapley values, over the last axis, of the game that is worth its dearest player.

    In the order of their costs, each step up is shared evenly by the players who need it (doi:10.1287/mnsc.20.3.370).
    """
    ordered, order = costs.sort(-1)
    steps = ordered.diff(dim=-1, prepend=torch.zeros_like(ordered[..., :1]))
    shared = (steps / torch.arange(costs.shape[-1], 0, -1)).cumsum(-1)
    return torch.empty_like(costs).scatter_(-1, order, shared)


@analytic(samples=max_route_rows, on=max_route_network)
def max_route(gate: Gate, batch: Batch) -> Truth:
    """How do four columns share their maximum, where the gradient sees the largest alone?"""
    grouped, _ = ANY.cut(batch.x)
    one = one_hot(grouped.argmax(2), 4)
    return ANY.truth(batch, airport(grouped), one, one * grouped)


COPIES = Groups(falling(5), numbers(1, -1), 2)


def duplicates_network() -> Network:
    """A weighted sum of the larger of two columns, for five pairs, and of two single columns."""
    return COPIES.network()


def copied(rng: Rng) -> Tensor:
    """Draw five normal columns, each twice, and two single ones."""
    x = rng.normal(7)
    return torch.cat([x[:, :5].repeat_interleave(2, 1), x[:, 5:]], 1)


def duplicates_rows(gate: Gate, split: str, size: int) -> Batch:
    """Columns that come twice, and two that do not."""
    return drawn("duplicates", split, size, copied)


@analytic(samples=duplicates_rows, on=duplicates_network)
def duplicates(gate: Gate, batch: Batch) -> Truth:
    """How do two copies of a column share what either of them is enough for?"""
    half, _ = (part / 2 for part in COPIES.cut(batch.x))
    return COPIES.truth(batch, half, torch.full_like(half, 0.5), half)
