"""Real tumours and two trained classifiers of them: what each measurement does to the predicted class's log odds.

A column is removed by putting that of another patient in its place, on average over a fixed background of 16. All
effects are Shapley values of that game. The readout is the log odds because both networks are nearly sure of most rows:
a probability of 0.9998 has next to no gradient, and its sampled effects have from 1.6 to 4.6 times the relative error.
"""

from functools import cache, partial

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import Tensor

from ..benchmark import Batch, Gate, Truth, column_units, streams, task
from ._shapley import coalitions, exact_shapley, sampled_shapley

COLUMNS = 30
GROUPS = 10
PER_CLASS = 8
PERMUTATIONS = 128
"""Orders of the columns for each background row."""
PASS = 2**14
"""Rows in one pass through the network: short rows in small batches would take ten times as long."""

asked = partial(
    task,
    on=("breast_cancer_mlp", "breast_cancer_boosting"),
    family="breast_cancer",
    truth_type="interventional",
    readout="log_odds",
)


@cache
def columns() -> Tensor:
    """Return all rows (569, 30), in the single precision that the networks compute in."""
    return torch.as_tensor(load_breast_cancer().data).float()


@cache
def rows() -> dict[str, Tensor]:
    """Number the rows of each split; the background and `tune` are rows that the networks were trained on."""
    classes = torch.as_tensor(load_breast_cancer().target)
    train, test = train_test_split(torch.arange(len(classes)), stratify=classes, test_size=0.3, random_state=0)
    background = torch.cat([train[classes[train] == k][:PER_CLASS] for k in (0, 1)])
    return {"background": background, "tune": train[~torch.isin(train, background)], "test": test}


def background() -> Tensor:
    """Return the rows (16, 30) that removed columns come from, as many of each class: methods are handed the same."""
    return columns()[rows()["background"]]


def cancer_rows(gate: Gate, split: str, size: int) -> Batch:
    """The first rows of a split, asked about the predicted class."""
    chosen = rows()[split][:size]
    if len(chosen) < size:
        raise ValueError(f"size is {size}, but the split {split!r} has {len(chosen)} rows: ask for at most as many")
    x = columns()[chosen]
    ids = tuple(f"breast_cancer/{split}/{row}" for row in chosen.tolist())
    baseline = background().mean(0).expand_as(x).clone()
    return Batch(ids, x, gate.logits(x).argmax(1), column_units(x), baseline, pool=background())


def mixed_score(gate: Gate, x: Tensor, target: Tensor, other: Tensor, kept: Tensor) -> Tensor:
    """Return the scores (N, M) of rows that keep some columns (N, M, 30) and have the other row's (30,) elsewhere."""
    mixed = torch.where(kept, x[:, None], other).flatten(0, 1)
    return gate.score(mixed, target.repeat_interleave(kept.shape[1])).reshape(kept.shape[:2])


def groups(x: Tensor) -> Tensor:
    """Label the columns by measurement, (N, 30): its mean, its standard error and its worst value go together."""
    return (torch.arange(COLUMNS) % GROUPS).expand(len(x), -1)


def group_effects(gate: Gate, batch: Batch) -> Tensor:
    """Return the Shapley values (N, 10) of the measurements, from all 1024 coalitions."""
    wide = Gate(gate.network, gate.readout, PASS)
    kept = coalitions(GROUPS)[:, groups(batch.x)[0]].expand(len(batch.x), -1, -1)
    values = [mixed_score(wide, batch.x, batch.target, other, kept) for other in background()]
    return exact_shapley(torch.stack(values).double().mean(0))


def column_effects(gate: Gate, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return sampled Shapley values (N, 30) and their standard errors, orders being drawn for each background row.

    On average over the columns, the standard error is 4 % of a row's spread for the perceptron, 0.6 % for the trees.
    """
    rng, wide = streams(batch.ids, "orders"), Gate(gate.network, gate.readout, PASS)
    games = [partial(mixed_score, wide, batch.x, batch.target, other) for other in background()]
    estimates, errors = zip(*(sampled_shapley(game, COLUMNS, PERMUTATIONS, rng) for game in games), strict=True)
    return torch.stack(estimates).mean(0), torch.stack(errors).square().mean(0).div(len(games)).sqrt()


@asked(samples=cancer_rows, headline="effect_correlation", knows={"effect"})
def cancer_groups(gate: Gate, batch: Batch) -> Truth:
    """Which of ten measurements of a tumour, three columns each, make the predicted class likely?"""
    return Truth(parts=groups(batch.x), effect=group_effects(gate, batch))


@asked(samples=cancer_rows, headline="effect_cosine", knows={"effect"})
def cancer_columns(gate: Gate, batch: Batch) -> Truth:
    """Which of 30 columns of a tumour make the predicted class likely?"""
    effect, _ = column_effects(gate, batch)
    return Truth(parts=batch.units, effect=effect)
