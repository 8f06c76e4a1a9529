"""Tables whose rows lie on both sides of the reference, and whose function changes its sign with the side.

What is true of a row is true, with the other sign, of its mirror image, which is drawn as often: the mean truth of
other rows is nothing. All columns play like parts, with weights of one size, and come in units of their own: neither
which column it is nor how far it lies from the reference tells how much it counts in this row.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ...benchmark import Batch, Gate, Network, Rng, Truth
from ._table import drawn, head, in_units, layer, turns, units
from .additive import often_zero
from .concepts import concepts, four
from .curves import Curves
from .logic import airport
from .traps import VETO, capped_path, capped_shapley, in_pairs, laid_out, vetoed_path, vetoed_shapley


def mirrored(
    name: str, split: str, size: int, columns: int, draw: Callable[[Rng], Tensor], reference: float = 0.0
) -> Batch:
    """Draw rows (N, D) by how far they lie from the reference, both in the columns' units."""
    unit = units(columns)
    return drawn(
        f"{name}_concepts",
        split,
        size,
        lambda rng: unit * (reference + draw(rng).double()),
        reference * unit,
    )


def away(batch: Batch) -> Tensor:
    """Return how far the columns lie from the reference, (N, D), in their units."""
    return (batch.x - batch.baseline) / units(batch.x.shape[1])


def either_side(known: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return what is known (N, D) of columns above the reference, less what is known of those below.

    A function of the ones less the same of the others has these values: all four concepts are linear in the function.
    """
    return known(x.clamp(min=0)) - known((-x).clamp(min=0))


def both(weights: Tensor) -> Tensor:
    """Return the weights of the part above the reference, and then of the part below."""
    return torch.cat([weights, -weights])


def sides(columns: int) -> nn.Sequential:
    """Return the layers from columns to how far they lie above the reference of zero, and then how far below."""
    straight = (1 / units(columns)).diag()
    return nn.Sequential(layer(torch.cat([straight, -straight])), nn.ReLU())


def largest(count: int) -> nn.Sequential:
    """Return the layers that take the largest of every so many columns."""
    return nn.Sequential(nn.Unflatten(1, (1, -1)), nn.MaxPool1d(count), nn.Flatten())


def signs(rng: Rng, *shape: int) -> Tensor:
    """Draw signs, (N, *shape)."""
    return 2.0 * rng.integers(2, *shape) - 1


def near_one(rng: Rng, *shape: int) -> Tensor:
    """Draw numbers, (N, *shape), between 1/2 and 3/2."""
    return 0.5 + rng.uniform(*shape)


def either_way(rng: Rng, count: int) -> Tensor:
    """Draw numbers, (N, count), between 1/2 and 3/2 from zero, on either side."""
    return signs(rng, count) * near_one(rng, count)


def some(rng: Rng, count: int, of: int) -> Tensor:
    """Draw which `count` of so many, (N, of) bool."""
    return rng.permutation(of) < count


def alone(columns: int) -> Tensor:
    """Return the columns, each a block (D, 1) of its own: a sum over columns."""
    return torch.arange(columns)[:, None]


LINEAR = 16


def linear_concepts_network() -> Network:
    """A sum of 16 columns with weights of one size."""
    return Network(nn.Sequential(in_units(LINEAR), head(turns(LINEAR))))


def linear_concepts_rows(gate: Gate, split: str, size: int) -> Batch:
    """Columns 1/2 to 3/2 from the reference, on either side."""
    return mirrored("linear", split, size, LINEAR, lambda rng: either_way(rng, LINEAR))


@concepts(samples=linear_concepts_rows, on=linear_concepts_network)
def linear_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns move a sum, by all four concepts?"""
    effect = turns(LINEAR) * away(batch)
    return four(gate, batch, effect, effect, alone(LINEAR))


REFERENCE = 2.0
SHIFTED = 10


def nonzero_reference_concepts_network() -> Network:
    """A sum of how far 10 columns lie from two."""
    beyond = layer((1 / units(SHIFTED)).diag(), torch.full((SHIFTED,), -REFERENCE))
    return Network(nn.Sequential(beyond, head(turns(SHIFTED))))


def nonzero_reference_concepts_rows(gate: Gate, split: str, size: int) -> Batch:
    """Columns on both sides of two, the reference; half of them lie one unit away, and the others nearer."""

    def draw(rng: Rng) -> Tensor:
        return signs(rng, SHIFTED) * (1 - often_zero(rng))

    return mirrored("nonzero_reference", split, size, SHIFTED, draw, REFERENCE)


@concepts(samples=nonzero_reference_concepts_rows, on=nonzero_reference_concepts_network)
def nonzero_reference_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns matter where absent means two, by all four concepts?"""
    effect = turns(SHIFTED) * away(batch)
    return four(gate, batch, effect, effect, alone(SHIFTED))


DUMMIES, HEARD = 64, 4
LOW, TOP, HIGH = 1.0, 2.0, 3.0
"""A column is heard between these distances from the reference, and best in the middle."""


def dummy_columns_concepts_network() -> Network:
    """A sum of 64 tents, as layers with rectifiers: a column near its reference, or far away, counts for nothing."""
    straight = (1 / units(DUMMIES)).diag()
    rise = layer(both(straight).repeat(3, 1), -torch.tensor([LOW, TOP, HIGH]).repeat_interleave(2 * DUMMIES))
    bend = torch.tensor([1.0, -2.0, 1.0]).double()
    return Network(nn.Sequential(rise, nn.ReLU(), head(torch.kron(bend, both(turns(DUMMIES))))))


def dummy_columns_concepts_rows(gate: Gate, split: str, size: int) -> Batch:
    """Of 64 columns 4 are heard, other ones in every row; about half of the others are nearer, and half are louder."""

    def draw(rng: Rng) -> Tensor:
        heard, loud, place = some(rng, HEARD, DUMMIES), rng.integers(2, DUMMIES).bool(), rng.uniform(DUMMIES)
        silent = torch.where(loud, HIGH + 0.1 + 0.9 * place, 0.9 * place)
        return signs(rng, DUMMIES) * torch.where(heard, LOW + 0.2 + 1.6 * place, silent)

    return mirrored("dummy_columns", split, size, DUMMIES, draw)


@concepts(samples=dummy_columns_concepts_rows, on=dummy_columns_concepts_network)
def dummy_columns_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which are the 4 of 64 columns that are heard, neither too near nor too loud, by all four concepts?"""
    effect = turns(DUMMIES) * either_side(tent, away(batch))
    return four(gate, batch, effect, effect, alone(DUMMIES))


def tent(x: Tensor) -> Tensor:
    """Return 1 in the middle of the band, falling to 0 at its ends and beyond."""
    return (1 - (x - TOP).abs() / (TOP - LOW)).clamp(min=0)


RIPPLES = 8
SHATTERED = Curves(turns(RIPPLES), torch.zeros(RIPPLES).double(), torch.full((RIPPLES,), 0.05).double(), pitch=200.0)


def shattered_gradient_concepts_network() -> Network:
    """A sum of eight columns under ripples of height 1/20 and slope 10."""
    return Network(nn.Sequential(in_units(RIPPLES), SHATTERED.layers()))


def shattered_gradient_concepts_rows(gate: Gate, split: str, size: int) -> Batch:
    """Columns 1/2 to 3/2 from the reference, on either side."""
    return mirrored("shattered_gradient", split, size, RIPPLES, lambda rng: either_way(rng, RIPPLES))


@concepts(samples=shattered_gradient_concepts_rows, on=shattered_gradient_concepts_network)
def shattered_gradient_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns move a sum of fast waves, by all four concepts?"""
    effect = SHATTERED.terms(away(batch))
    return four(gate, batch, effect, effect, alone(RIPPLES))


TRIPLES, AGREEING = 5, 2


def all_of_three_concepts_network() -> Network:
    """Five groups of three count where their columns agree in sign, for the one nearest to zero."""
    turned = layer(-torch.eye(6 * TRIPLES))
    return Network(nn.Sequential(sides(3 * TRIPLES), turned, largest(3), head(-both(turns(TRIPLES)))))


def all_of_three_concepts_rows(gate: Gate, split: str, size: int) -> Batch:
    """Columns 1/2 to 3/2 from the reference; in two of five groups they agree, in the others one column does not."""

    def draw(rng: Rng) -> Tensor:
        odd = one_hot(rng.uniform(TRIPLES, 3).argmax(2), 3) * ~some(rng, AGREEING, TRIPLES)[..., None]
        return (signs(rng, TRIPLES, 1) * (1 - 2 * odd) * near_one(rng, TRIPLES, 3)).flatten(1)

    return mirrored("all_of_three", split, size, 3 * TRIPLES, draw)


@concepts(samples=all_of_three_concepts_rows, on=all_of_three_concepts_network)
def all_of_three_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns does it take where three must agree, by all four concepts?"""

    def shapley(side: Tensor) -> Tensor:
        return (grouped(side, 3).amin(2, keepdim=True) / 3).expand(-1, -1, 3).flatten(1)

    def path(side: Tensor) -> Tensor:
        return (one_hot(grouped(side, 3).argmin(2), 3) * grouped(side, 3)).flatten(1)

    x, weights = away(batch), turns(TRIPLES).repeat_interleave(3)
    blocks = torch.arange(3 * TRIPLES).reshape(TRIPLES, 3)
    return four(gate, batch, weights * either_side(shapley, x), weights * either_side(path, x), blocks)


def grouped(x: Tensor, size: int) -> Tensor:
    """Return the columns in groups, (N, G, size)."""
    return x.reshape(len(x), -1, size)


ROUTES = 3


def max_route_concepts_network() -> Network:
    """Three groups of four count for the column farthest above the reference, less the one farthest below."""
    return Network(nn.Sequential(sides(4 * ROUTES), largest(4), head(both(turns(ROUTES)))))


def max_route_concepts_rows(gate: Gate, split: str, size: int) -> Batch:
    """Columns 1/10 to 11/10 from the reference, on either side."""

    def draw(rng: Rng) -> Tensor:
        return signs(rng, 4 * ROUTES) * (0.1 + rng.uniform(4 * ROUTES))

    return mirrored("max_route", split, size, 4 * ROUTES, draw)


@concepts(samples=max_route_concepts_rows, on=max_route_concepts_network)
def max_route_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns move the largest and the smallest of four, by all four concepts?"""

    def shapley(side: Tensor) -> Tensor:
        return airport(grouped(side, 4)).flatten(1)

    def path(side: Tensor) -> Tensor:
        return (one_hot(grouped(side, 4).argmax(2), 4) * grouped(side, 4)).flatten(1)

    x, weights = away(batch), turns(ROUTES).repeat_interleave(4)
    blocks = torch.arange(4 * ROUTES).reshape(ROUTES, 4)
    return four(gate, batch, weights * either_side(shapley, x), weights * either_side(path, x), blocks)


FULL, OPEN = 6, 2


def saturation_concepts_network() -> Network:
    """Six pairs count for their sum, up to one, above the reference as below."""
    pairs = torch.kron(torch.eye(2 * FULL), torch.full((1, 2), -1.0))
    return Network(
        nn.Sequential(sides(2 * FULL), layer(pairs, torch.ones(2 * FULL)), nn.ReLU(), head(-both(turns(FULL))))
    )


def saturation_concepts_rows(gate: Gate, split: str, size: int) -> Batch:
    """Pairs of columns on one side, of which four add up to more than 1.2, and two to less than 0.8."""

    def draw(rng: Rng) -> Tensor:
        place = rng.uniform(FULL, 2)
        size = torch.where(some(rng, OPEN, FULL)[..., None], 0.1 + 0.3 * place, 0.6 + 0.6 * place)
        return (signs(rng, FULL, 1) * size).flatten(1)

    return mirrored("saturation", split, size, 2 * FULL, draw)


@concepts(samples=saturation_concepts_rows, on=saturation_concepts_network)
def saturation_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns did so much that more would change nothing, by all four concepts?"""
    x, weights = away(batch), turns(FULL)
    return four(
        gate,
        batch,
        either_side(lambda side: laid_out(capped_shapley(*in_pairs(side)), weights), x),
        either_side(lambda side: laid_out(capped_path(*in_pairs(side)), weights), x),
        torch.arange(2 * FULL).reshape(FULL, 2),
    )


VETOES, VETOED = 8, 6


def cancellation_concepts_network() -> Network:
    """Eight columns count as they are, unless the bit beside them is set."""
    straight = torch.eye(VETOES).repeat_interleave(2, 1)
    column, bit = straight * torch.tensor([1, 0]).repeat(VETOES), straight * torch.tensor([0, VETO]).repeat(VETOES)
    first = torch.cat([column - bit, -column - bit]) / units(2 * VETOES)
    return Network(nn.Sequential(layer(first), nn.ReLU(), head(both(turns(VETOES)))))


def cancellation_concepts_rows(gate: Gate, split: str, size: int) -> Batch:
    """Columns 1/2 to 3/2 from the reference on either side, each with a bit, of which six in eight are set."""

    def draw(rng: Rng) -> Tensor:
        return torch.stack([either_way(rng, VETOES), some(rng, VETOED, VETOES).float()], 2).flatten(1)

    return mirrored("cancellation", split, size, 2 * VETOES, draw)


@concepts(samples=cancellation_concepts_rows, on=cancellation_concepts_network)
def cancellation_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns count where a bit vetoes them, by all four concepts?"""
    (column, bit), weights = in_pairs(away(batch)), turns(VETOES)
    shapley, path = laid_out(vetoed_shapley(column, bit), weights), laid_out(vetoed_path(column, bit), weights)
    return four(gate, batch, shapley, path, torch.arange(2 * VETOES).reshape(VETOES, 2))
