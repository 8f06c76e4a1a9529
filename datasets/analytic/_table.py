"""Shared code of the tables: drawing columns, setting layers by hand, turning a formula into a truth."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from ...benchmark import Batch, Rng, Truth, column_units, streams, task

analytic = partial(
    task,
    family="analytic",
    truth_type="analytic",
    headline="effect_cosine",
    knows={"effect", "values"},
    readout="logit",
    fresh=True,
)
"""Declare a table: the function to be explained is the first logit, and removing a column sets it to the baseline."""

POOL = 32
"""The rows that come with a table, to draw from: those of `tune` before its first, which nobody asks about."""


def drawn(name: str, split: str, size: int, draw: Callable[[Rng], Tensor], reference: Tensor | float = 0.0) -> Batch:
    """Draw `size` rows of a table; a row depends on the table's name, the split and its number alone."""
    ids = tuple(f"{name}/{split}/{i}" for i in range(size))
    others = tuple(f"{name}/tune/{i}" for i in range(-POOL, 0))
    x, pool = (draw(streams(asked, "analytic")).double() for asked in (ids, others))
    baseline = torch.as_tensor(reference, dtype=x.dtype).expand_as(x).clone()
    return Batch(ids, x, torch.zeros(size, dtype=torch.int64), column_units(x), baseline, pool=pool)


def exact(
    batch: Batch, shapley: Tensor, relevant: Tensor | None = None, impossible: Tensor | None = None, **values: Tensor
) -> Truth:
    """Make the truth of a table from its formulas (N, D) by concept, and from masks of its columns (D,) bool."""
    return Truth(
        parts=batch.units,
        relevant=None if relevant is None else relevant.expand(batch.x.shape),
        impossible=None if impossible is None else impossible.expand(batch.x.shape),
        effect=shapley,
        values={"shapley": shapley, **{concept: value.expand_as(shapley) for concept, value in values.items()}},
    )


def numbers(*values: float) -> Tensor:
    """Return a row of numbers."""
    return torch.tensor(values, dtype=torch.float64)


def falling(count: int) -> Tensor:
    """Return weights that fall from 2 to 1/4 and take turns in sign, so that no map of magnitudes resembles them."""
    return torch.linspace(2, 0.25, count, dtype=torch.float64) * (-1.0) ** torch.arange(count)


def units(count: int) -> Tensor:
    """Return units of columns, from 1/8 to 8, in no order."""
    place = streams(["units"], "analytic").permutation(count)[0]
    return 2 ** torch.linspace(-3, 3, count, dtype=torch.float64)[place]


def turns(count: int) -> Tensor:
    """Return weights of one size that take turns in sign."""
    return (-1.0) ** torch.arange(count, dtype=torch.float64)


def layer(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    """Return a linear layer with these weights (out, in)."""
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    made.weight = nn.Parameter(weight.double().clone())
    if bias is not None:
        made.bias = nn.Parameter(bias.double().clone())
    return made


def in_units(columns: int) -> nn.Linear:
    """Return the layer that takes the units off the columns."""
    return layer((1 / units(columns)).diag())


def head(weights: Tensor) -> nn.Linear:
    """Return the last layer: the weighted sum as the first logit, and zero as the second."""
    return layer(torch.stack([weights, torch.zeros_like(weights)]))


def logits(first: Tensor) -> Tensor:
    """Put a zero logit beside the function's values: (N,) to (N, 2)."""
    return torch.stack([first, torch.zeros_like(first)], 1)
