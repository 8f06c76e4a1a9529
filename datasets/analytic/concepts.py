"""Tables asked about four concepts of what a column does, and two tables with a reference that is no single row.

The concepts are the Shapley value and the effect of removal against the table's reference, the integral of the gradient
on the way to it, and the Shapley value against the rows of the pool. A method of one concept's own definition must not
win by that alone, so the effect is the mean direction of the four: the score of a map is its mean cosine with them, as
a share of the largest that any map can have.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from ...benchmark import Batch, Gate, Network, Truth, impute
from ...benchmark.game import known_pool
from .._shapley import coalitions, exact_shapley
from ._table import analytic, drawn, numbers
from .additive import (
    dummy_columns,
    dummy_columns_network,
    dummy_columns_rows,
    linear,
    linear_network,
    linear_rows,
    nonzero_reference,
    nonzero_reference_network,
    nonzero_reference_rows,
)
from .curves import shattered_gradient, shattered_gradient_network, shattered_gradient_rows
from .interactions import Form, network, products
from .logic import (
    all_of_three,
    all_of_three_network,
    all_of_three_rows,
    max_route,
    max_route_network,
    max_route_rows,
)
from .traps import (
    cancellation,
    cancellation_network,
    cancellation_rows,
    saturation,
    saturation_network,
    saturation_rows,
)

Score: TypeAlias = Callable[[Tensor], Tensor]
"""Rows (M, D) to the function's values (M,)."""

CONCEPTS = ("shapley", "removal", "integrated_gradients", "marginal")

concepts = partial(analytic, headline="centred_cosine")
"""Declare a table that is asked about the mean direction of the four concepts."""


def removal(score: Score, x: Tensor, baseline: Tensor) -> Tensor:
    """Return by how much the score falls, (N, D), when a column alone is set to the baseline."""
    kept = ~torch.eye(x.shape[1], dtype=torch.bool)
    rows = zip(x, baseline, strict=True)
    without = [score(impute(row.expand(kept.shape), absent.expand(kept.shape), kept)) for row, absent in rows]
    return score(x)[:, None] - torch.stack(without)


def marginal_shapley(score: Score, x: Tensor, pool: Tensor, players: Tensor) -> Tensor:
    """Return the Shapley values (N, D) where removed columns take the values of the pool's rows (P, D), averaged.

    All coalitions of the `players`, the numbers of the columns that are read, are asked; the others have no value.
    """
    kept = torch.ones(2 ** len(players), x.shape[1], dtype=torch.bool)
    kept[:, players] = coalitions(len(players))
    worth = [score(torch.where(kept[:, None], row, pool).flatten(0, 1)).reshape(len(kept), -1).mean(1) for row in x]
    return torch.zeros_like(x).index_copy(1, players, exact_shapley(torch.stack(worth)))


def direction(values: Tensor) -> Tensor:
    """Return rows (N, D) less their mean and of length 1; a row whose values are all equal has none, and is zero."""
    moved = values - values.mean(1, keepdim=True)
    length = moved.norm(dim=1, keepdim=True)
    return torch.where(length > 0, moved / length, 0.0)


def mean_direction(values: Iterable[Tensor]) -> Tensor:
    """Return the sum of the directions of rows (N, D), the row of the largest mean cosine with them."""
    return torch.stack([direction(each) for each in values]).sum(0)


def four(gate: Gate, batch: Batch, known: Truth, marginal: Tensor | None = None) -> Truth:
    """Return the truth about the four concepts, two of which are `known` in closed form, or three with `marginal`."""
    unread = torch.zeros(batch.x.shape[1], dtype=torch.bool) if known.impossible is None else known.impossible[0]
    score = first_logit(gate)
    if marginal is None:
        marginal = marginal_shapley(score, batch.x, known_pool(batch), (~unread).nonzero()[:, 0])
    values = {
        "shapley": known.values["shapley"],
        "removal": removal(score, batch.x, batch.baseline),
        "integrated_gradients": known.values["integrated_gradients"],
        "marginal": marginal,
    }
    return Truth(parts=batch.units, effect=mean_direction(values.values()), values=values)


def first_logit(gate: Gate) -> Score:
    """Return the function that the tables are about."""
    return lambda rows: gate.score(rows, torch.zeros(len(rows), dtype=torch.int64))


@concepts(samples=linear_rows, on=linear_network)
def linear_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns move a weighted sum, by all four concepts?"""
    known = linear(gate, batch)
    return four(gate, batch, known, known.values["gradient"] * (batch.x - known_pool(batch).mean(0)))


@concepts(samples=nonzero_reference_rows, on=nonzero_reference_network)
def nonzero_reference_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns matter where absent means one, by all four concepts?"""
    return four(gate, batch, nonzero_reference(gate, batch))


@concepts(samples=dummy_columns_rows, on=dummy_columns_network)
def dummy_columns_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which are the 4 of 64 columns that the network reads, by all four concepts?"""
    return four(gate, batch, dummy_columns(gate, batch))


@concepts(samples=shattered_gradient_rows, on=shattered_gradient_network)
def shattered_gradient_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns move a sum of fast waves, by all four concepts?"""
    return four(gate, batch, shattered_gradient(gate, batch))


@concepts(samples=all_of_three_rows, on=all_of_three_network)
def all_of_three_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns does it take where three are needed, by all four concepts?"""
    return four(gate, batch, all_of_three(gate, batch))


@concepts(samples=max_route_rows, on=max_route_network)
def max_route_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns move a maximum of four, by all four concepts?"""
    return four(gate, batch, max_route(gate, batch))


@concepts(samples=saturation_rows, on=saturation_network)
def saturation_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns did so much that more would change nothing, by all four concepts?"""
    return four(gate, batch, saturation(gate, batch))


@concepts(samples=cancellation_rows, on=cancellation_network)
def cancellation_concepts(gate: Gate, batch: Batch) -> Truth:
    """Which columns count where a bit vetoes them, by all four concepts?"""
    return four(gate, batch, cancellation(gate, batch))


COLUMNS = 8
TOGETHER = Form(
    numbers(1, -1, 2, 0.5, -2, 1, 0.5, -0.5), products(numbers(2, -1.5, 1), [(0, 2), (3, 4), (5, 7)], COLUMNS)
)
RELATED = 0.7
COVARIANCE = torch.kron(
    torch.eye(COLUMNS // 2, dtype=torch.float64), torch.tensor([[1, RELATED], [RELATED, 1]], dtype=torch.float64)
)
"""Columns come in pairs that are alike, and the function multiplies columns of different pairs."""
MIXING = torch.linalg.cholesky(COVARIANCE).T
"""Gives independent normal columns the covariance."""


def related_columns_network() -> Network:
    """A weighted sum of eight columns and three of their products."""
    return network(TOGETHER)


def related_columns_rows(gate: Gate, split: str, size: int) -> Batch:
    """Normal columns in four pairs with a correlation of 0.7; the reference is the mean of the pool's rows."""
    batch = drawn("related_columns", split, size, lambda rng: rng.normal(COLUMNS).double() @ MIXING)
    return replace(batch, baseline=known_pool(batch).mean(0).expand_as(batch.x).clone())


@concepts(samples=related_columns_rows, on=related_columns_network)
def marginal_reference(gate: Gate, batch: Batch) -> Truth:
    """Which columns count where a removed one is drawn from other rows, whatever is left?"""
    effect = marginal_shapley(first_logit(gate), batch.x, known_pool(batch), torch.arange(COLUMNS))
    return Truth(parts=batch.units, effect=effect, values={"marginal": effect})


@concepts(samples=related_columns_rows, on=related_columns_network)
def conditional_reference(gate: Gate, batch: Batch) -> Truth:
    """Which columns count where a removed one is drawn as it goes with those that are left?"""
    worth = torch.stack([expected(batch.x, kept) for kept in coalitions(COLUMNS)], 1)
    effect = exact_shapley(worth)
    return Truth(parts=batch.units, effect=effect, values={"conditional": effect})


def expected(x: Tensor, kept: Tensor) -> Tensor:
    """Return the function's mean (N,) over normal columns with the covariance, given those that are kept (D,) bool.

    Given some columns, the others are normal around their regression on these, with the covariance that is left.
    """
    inner = COVARIANCE[kept][:, kept]
    weights: Tensor = torch.linalg.solve(inner, COVARIANCE[kept])
    mean = x[:, kept] @ weights
    left = COVARIANCE - COVARIANCE[:, kept] @ weights
    value = mean @ TOGETHER.weights + torch.einsum("nd,de,ne->n", mean, TOGETHER.form, mean)
    return value + (TOGETHER.form * left).sum()
