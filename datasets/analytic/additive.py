"""Tables whose function is a sum over columns: what a column does is its own term less that of its reference."""

import torch
from torch import Tensor, nn

from ...benchmark import Batch, Gate, Network, Rng, Truth, streams
from ._table import analytic, drawn, exact, falling, head, layer, numbers


def weighted(batch: Batch, weights: Tensor, impossible: Tensor | None = None) -> Truth:
    """Return the truth of a weighted sum."""
    effect = weights * (batch.x - batch.baseline)
    return exact(batch, effect, impossible=impossible, gradient=weights, integrated_gradients=effect)


def linear_network() -> Network:
    """A weighted sum of 16 columns."""
    return Network(head(falling(16)))


def linear_rows(gate: Gate, split: str, size: int) -> Batch:
    """Independent normal columns."""
    return drawn("linear", split, size, lambda rng: rng.normal(16))


@analytic(samples=linear_rows, on=linear_network)
def linear(gate: Gate, batch: Batch) -> Truth:
    """Which columns move a weighted sum of independent columns?"""
    return weighted(batch, falling(16))


CORRELATED = falling(12) * (torch.arange(12) % 3 < 2)
RHO = 0.9


def correlated_linear_network() -> Network:
    """A weighted sum of 12 columns, every third of them with weight zero."""
    return Network(head(CORRELATED))


def autoregressive(rng: Rng, count: int) -> Tensor:
    """Draw columns of which each correlates by RHO with the one before."""
    x = rng.normal(count)
    for j in range(1, count):
        x[:, j] = RHO * x[:, j - 1] + (1 - RHO**2) ** 0.5 * x[:, j]
    return x


def correlated_linear_rows(gate: Gate, split: str, size: int) -> Batch:
    """Normal columns in an autoregressive chain."""
    return drawn("correlated_linear", split, size, lambda rng: autoregressive(rng, 12))


@analytic(samples=correlated_linear_rows, on=correlated_linear_network, knows={"effect", "values", "impossible"})
def correlated_linear(gate: Gate, batch: Batch) -> Truth:
    """Which columns move a weighted sum when unread columns are near copies of those that are read?"""
    return weighted(batch, CORRELATED, CORRELATED == 0)


DEEP = [streams([f"layer {i}"], "deep_linear").normal(16, 10 if i == 0 else 16)[0].double() / 4 for i in range(3)]


def deep_linear_network() -> Network:
    """Four linear layers on end, over 10 columns."""
    return Network(nn.Sequential(*map(layer, DEEP), head(falling(16))))


def deep_linear_rows(gate: Gate, split: str, size: int) -> Batch:
    """Independent normal columns."""
    return drawn("deep_linear", split, size, lambda rng: rng.normal(10))


@analytic(samples=deep_linear_rows, on=deep_linear_network)
def deep_linear(gate: Gate, batch: Batch) -> Truth:
    """Which columns move a weighted sum whose weights are spread over four layers?"""
    return weighted(batch, falling(16) @ DEEP[2] @ DEEP[1] @ DEEP[0])


SUPPRESSED = (falling(4)[:, None] * numbers(1, -1)).flatten()


def suppressor_network() -> Network:
    """A weighted sum of four differences, each between a column and the one behind it."""
    return Network(head(SUPPRESSED))


def disturbed(rng: Rng) -> Tensor:
    """Draw four signals under a three times larger disturbance, each with its disturbance beside it."""
    signal, disturbance = rng.normal(4), 3 * rng.normal(4)
    return torch.stack([signal + disturbance, disturbance], 2).flatten(1)


def suppressor_rows(gate: Gate, split: str, size: int) -> Batch:
    """Disturbed signals, and the disturbances that clean them."""
    return drawn("suppressor", split, size, disturbed)


@analytic(samples=suppressor_rows, on=suppressor_network)
def suppressor(gate: Gate, batch: Batch) -> Truth:
    """Does a column count that says nothing about the answer, but is subtracted to clean one that does?"""
    return weighted(batch, SUPPRESSED)


def nonzero_reference_network() -> Network:
    """A weighted sum of how far 10 columns stay below one."""
    return Network(nn.Sequential(layer(-torch.eye(10), torch.ones(10)), head(falling(10))))


def often_zero(rng: Rng) -> Tensor:
    """Draw columns that are zero half of the time, and else lie between 0.3 and 1."""
    return rng.integers(2, 10) * (0.3 + 0.7 * rng.uniform(10))


def nonzero_reference_rows(gate: Gate, split: str, size: int) -> Batch:
    """Columns that speak by being zero, where the reference is one."""
    return drawn("nonzero_reference", split, size, often_zero, 1.0)


@analytic(samples=nonzero_reference_rows, on=nonzero_reference_network)
def nonzero_reference(gate: Gate, batch: Batch) -> Truth:
    """Which columns matter where absent means one, and zero is the loudest value?"""
    return weighted(batch, -falling(10))


DUMMIES = 64
READ = torch.tensor([5, 20, 37, 58])
STRENGTH = numbers(2, 1.5, 1, 0.5)


def dummy_columns_network() -> Network:
    """A weighted sum of the hyperbolic tangents of 4 of 64 columns."""
    return Network(nn.Sequential(layer(torch.eye(DUMMIES)[READ]), nn.Tanh(), head(STRENGTH)))


def mostly_dummies(rng: Rng) -> Tensor:
    """Draw columns with standard deviation 3, those that are read between 1/2 and 3/2."""
    x = 3 * rng.normal(DUMMIES)
    x[:, READ] = 0.5 + rng.uniform(len(READ))
    return x


def dummy_columns_rows(gate: Gate, split: str, size: int) -> Batch:
    """Few columns that are read among many louder ones that are not."""
    return drawn("dummy_columns", split, size, mostly_dummies)


@analytic(samples=dummy_columns_rows, on=dummy_columns_network, knows={"effect", "values", "relevant", "impossible"})
def dummy_columns(gate: Gate, batch: Batch) -> Truth:
    """Which are the 4 of 64 columns that the network reads, the other 60 being louder?"""
    place = torch.eye(DUMMIES, dtype=torch.float64)[READ]
    raised, read = batch.x[:, READ].tanh(), place.any(0)
    effect = (STRENGTH * (raised - batch.baseline[:, READ].tanh())) @ place
    gradient = (STRENGTH * (1 - raised**2)) @ place
    return exact(batch, effect, read, ~read, gradient=gradient, integrated_gradients=effect)
