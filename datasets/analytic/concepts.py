"""Four concepts of what a column does, as one truth about a table; and two tables whose reference is no single row.

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
from torch import Tensor, nn

from ...benchmark import Batch, Gate, Network, Truth, impute
from ...benchmark.game import known_pool
from .._shapley import coalitions, exact_shapley
from ._table import analytic, drawn, in_units, turns, units
from .interactions import Form, products, quadratic

Score: TypeAlias = Callable[[Tensor], Tensor]
"""Rows (M, D) to the function's values (M,)."""

concepts = partial(analytic, headline="centred_cosine")
"""Declare a table that is asked about the mean direction of the four concepts."""


def removal(score: Score, x: Tensor, baseline: Tensor) -> Tensor:
    """Return by how much the score falls, (N, D), when a column alone is set to the baseline."""
    kept = ~torch.eye(x.shape[1], dtype=torch.bool)
    rows = zip(x, baseline, strict=True)
    without = [score(impute(row.expand(kept.shape), absent.expand(kept.shape), kept)) for row, absent in rows]
    return score(x)[:, None] - torch.stack(without)


def marginal_shapley(score: Score, x: Tensor, pool: Tensor, blocks: Tensor) -> Tensor:
    """Return the Shapley values (N, D) where removed columns take the values of the pool's rows (P, D), averaged.

    All coalitions of each of the `blocks` (B, k) of columns are asked: the function is a sum over blocks. Columns that
    are in none have no value.
    """
    values = torch.zeros_like(x)
    for block in blocks:
        kept = torch.ones(2 ** len(block), x.shape[1], dtype=torch.bool)
        kept[:, block] = coalitions(len(block))
        mixed = (torch.where(kept[:, None], row, pool).flatten(0, 1) for row in x)
        worth = torch.stack([score(rows).reshape(len(kept), -1).mean(1) for rows in mixed])
        values[:, block] = exact_shapley(worth)
    return values


def direction(values: Tensor) -> Tensor:
    """Return rows (N, D) less their mean and of length 1; a row whose values are all equal has none, and is zero."""
    moved = values - values.mean(1, keepdim=True)
    length = moved.norm(dim=1, keepdim=True)
    return torch.where(length > 0, moved / length, 0.0)


def mean_direction(values: Iterable[Tensor]) -> Tensor:
    """Return the sum of the directions of rows (N, D), the row of the largest mean cosine with them."""
    return torch.stack([direction(each) for each in values]).sum(0)


def four(gate: Gate, batch: Batch, shapley: Tensor, path: Tensor, blocks: Tensor) -> Truth:
    """Return the truth about the four concepts, from two in closed form (N, D).

    The function is a sum over `blocks` (B, k) of columns.
    """
    score = first_logit(gate)
    values = {
        "shapley": shapley,
        "removal": removal(score, batch.x, batch.baseline),
        "integrated_gradients": path,
        "marginal": marginal_shapley(score, batch.x, known_pool(batch), blocks),
    }
    return Truth(parts=batch.units, effect=mean_direction(values.values()), values=values)


def first_logit(gate: Gate) -> Score:
    """Return the function that the tables are about."""
    return lambda rows: gate.score(rows, torch.zeros(len(rows), dtype=torch.int64))


COLUMNS = 8
NEXT = [(1, 2), (3, 4), (5, 6), (7, 0)]
TOGETHER = Form(turns(COLUMNS), products(1.5 * turns(len(NEXT)), NEXT, COLUMNS))
RELATED = 0.7
COVARIANCE = torch.kron(
    torch.eye(COLUMNS // 2, dtype=torch.float64), torch.tensor([[1, RELATED], [RELATED, 1]], dtype=torch.float64)
)
"""Columns come in pairs that are alike, and the function multiplies each with one of the next pair."""
MIXING = torch.linalg.cholesky(COVARIANCE).T
"""Gives independent normal columns the covariance."""


def related_columns_network() -> Network:
    """A sum of eight columns and four of their products."""
    return Network(nn.Sequential(in_units(COLUMNS), quadratic(TOGETHER)))


def related_columns_rows(gate: Gate, split: str, size: int) -> Batch:
    """Normal columns in four pairs with a correlation of 0.7; the reference is the mean of the pool's rows."""
    unit = units(COLUMNS)
    batch = drawn("related_columns", split, size, lambda rng: unit * (rng.normal(COLUMNS).double() @ MIXING))
    return replace(batch, baseline=known_pool(batch).mean(0).expand_as(batch.x).clone())


@concepts(samples=related_columns_rows, on=related_columns_network)
def marginal_reference(gate: Gate, batch: Batch) -> Truth:
    """Which columns count where a removed one is drawn from other rows, whatever is left?"""
    effect = marginal_shapley(first_logit(gate), batch.x, known_pool(batch), torch.arange(COLUMNS)[None])
    return Truth(parts=batch.units, effect=effect, values={"marginal": effect})


@concepts(samples=related_columns_rows, on=related_columns_network)
def conditional_reference(gate: Gate, batch: Batch) -> Truth:
    """Which columns count where a removed one is drawn as it goes with those that are left?"""
    worth = torch.stack([expected(batch.x / units(COLUMNS), kept) for kept in coalitions(COLUMNS)], 1)
    effect = exact_shapley(worth)
    return Truth(parts=batch.units, effect=effect, values={"conditional": effect})


def expected(x: Tensor, kept: Tensor) -> Tensor:
    """Return the function's mean (N,) over normal columns, without units, given those that are kept (D,) bool.

    Given some columns, the others are normal around their regression on these, with the covariance that is left.
    """
    inner = COVARIANCE[kept][:, kept]
    weights: Tensor = torch.linalg.solve(inner, COVARIANCE[kept])
    mean = x[:, kept] @ weights
    left = COVARIANCE - COVARIANCE[:, kept] @ weights
    value = mean @ TOGETHER.weights + torch.einsum("nd,de,ne->n", mean, TOGETHER.form, mean)
    return value + (TOGETHER.form * left).sum()
