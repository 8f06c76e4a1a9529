from itertools import combinations
from math import comb

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Network, Task, Truth, tasks
from heatproof.datasets import breast_cancer
from heatproof.datasets._shapley import coalitions, exact_shapley
from heatproof.datasets.breast_cancer import (
    GROUPS,
    background,
    cancer_columns,
    cancer_groups,
    cancer_rows,
    column_effects,
    mixed_score,
    rows,
)
from heatproof.models.breast_cancer import split

TASKS = tasks.from_module(breast_cancer)
MODELS = sorted({task.model.name for task in TASKS})
READ = torch.tensor([0, 3, 7, 12, 17, 22, 29])
"""Columns that the small stand-in reads, so that all their coalitions can be enumerated."""

each_model = pytest.mark.parametrize("model", MODELS)


def found(question: str, model: str) -> Task:
    return next(task for task in TASKS if task.name == f"{question}@{model}")


def effect_of(truth: Truth | None) -> Tensor:
    assert truth is not None
    assert truth.effect is not None
    return truth.effect


def scaled() -> Tensor:
    """Return one over each column's spread in the background."""
    return 1 / background().std(0)


class Bent(nn.Module):
    """A small network that reads few columns, and lets three of them act together."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.eye(30)[READ] * scaled())

    def forward(self, x: Tensor) -> Tensor:
        z = (x - background().mean(0)) @ self.place.T
        first = z.tanh().sum(1) + (z[:, 0] * z[:, 1]).tanh() * z[:, 2].tanh() - z[:, 3:].amax(1)
        return torch.stack([first, -first / 2], 1)


def linear_gate() -> tuple[Gate, Tensor]:
    """Return a linear model and the weights of its second output."""
    layer = nn.Linear(30, 2)
    weights = torch.linspace(-1, 2, 30) * scaled()
    with torch.no_grad():
        layer.weight.copy_(torch.stack([-weights, weights]))
    return Gate(Network(layer), "logit"), weights.double()


def by_definition(gate: Gate, batch: Batch, measurement: int) -> Tensor:
    """Return the Shapley values (N,) of one measurement: the weighted sum of its gains over all sets of the others."""
    others = [group for group in range(GROUPS) if group != measurement]
    total = torch.zeros(len(batch), dtype=torch.float64)
    for size in range(GROUPS):
        for present in combinations(others, size):
            gain = worth(gate, batch, {*present, measurement}) - worth(gate, batch, set(present))
            total += gain / (GROUPS * comb(GROUPS - 1, size))
    return total


def worth(gate: Gate, batch: Batch, present: set[int]) -> Tensor:
    """Return the mean score when all columns but those of the present measurements are a background row's."""
    absent = [column for column in range(30) if column % GROUPS not in present]
    x = batch.x.repeat(len(background()), 1)
    x[:, absent] = background().repeat_interleave(len(batch), 0)[:, absent]
    return gate.score(x, batch.target.repeat(len(background()))).reshape(-1, len(batch)).double().mean(0)


def test_four_tasks_on_two_models_with_their_own_samples() -> None:
    assert len(TASKS) == 4
    assert MODELS == ["breast_cancer_boosting", "breast_cancer_mlp"]
    assert len({task.sample_set for task in TASKS}) == 2


def test_splits_are_those_that_the_models_were_trained_with() -> None:
    train_x, test_x, train_y, _ = split()
    numbered = rows()
    assert torch.equal(breast_cancer.columns()[numbered["test"]], test_x)
    train = torch.cat([numbered["background"], numbered["tune"]])
    assert len(train) == len(train_x)
    assert len(set(train.tolist()) | set(numbered["test"].tolist())) == 569
    assert {tuple(row) for row in breast_cancer.columns()[train].tolist()} == {tuple(row) for row in train_x.tolist()}
    known = [int((train_x == row).all(1).nonzero()[0, 0]) for row in background()]
    assert [int(train_y[row]) for row in known] == [0] * 8 + [1] * 8


def test_rows_are_the_first_of_their_split_and_asked_about_the_predicted_class() -> None:
    gate, _ = linear_gate()
    few, many, tune = cancer_rows(gate, "test", 3), cancer_rows(gate, "test", 171), cancer_rows(gate, "tune", 382)
    assert few.ids == many.ids[:3]
    assert torch.equal(few.x, many.x[:3])
    assert not {name.rpartition("/")[2] for name in many.ids} & {name.rpartition("/")[2] for name in tune.ids}
    assert torch.equal(many.target, gate.logits(many.x).argmax(1))
    assert many.x.dtype == many.baseline.dtype == torch.float32
    torch.testing.assert_close(many.baseline[7], background().mean(0))
    with pytest.raises(ValueError, match="size is 172, but the split 'test' has 171 rows"):
        cancer_rows(gate, "test", 172)


def test_methods_are_handed_the_rows_that_the_truth_uses() -> None:
    gate, _ = linear_gate()
    batch = cancer_rows(gate, "test", 3)
    assert batch.pool is not None
    assert torch.equal(batch.pool, background())
    torch.testing.assert_close(batch.baseline[0], batch.pool.mean(0))


def test_effects_of_a_linear_model_are_its_terms() -> None:
    gate, weights = linear_gate()
    batch = cancer_rows(gate, "test", 20)
    terms = weights * (batch.x - background().mean(0)) * (2 * batch.target - 1)[:, None]
    torch.testing.assert_close(effect_of(cancer_columns(gate, batch)), terms, rtol=1e-4, atol=1e-4)
    measured = terms.reshape(20, 3, GROUPS).sum(1)
    torch.testing.assert_close(effect_of(cancer_groups(gate, batch)), measured, rtol=1e-4, atol=1e-4)


@each_model
def test_effects_of_measurements_follow_the_definition(model: str) -> None:
    task = found("cancer_groups", model)
    batch = task.questions("test", 3)
    assert batch.truth is not None
    assert batch.truth.parts[0].tolist() == [column % 10 for column in range(30)]
    expected = by_definition(task.gate(64), batch, 4)
    torch.testing.assert_close(effect_of(batch.truth)[:, 4], expected, rtol=1e-4, atol=1e-5)


@each_model
def test_effects_add_up_to_the_difference_from_the_background(model: str) -> None:
    for question in ("cancer_groups", "cancer_columns"):
        task = found(question, model)
        batch = task.questions("test", 12)
        gate = task.gate(64)
        gain = gate.score(batch.x, batch.target) - worth(gate, batch, set())
        torch.testing.assert_close(effect_of(batch.truth).sum(1), gain.double(), rtol=1e-4, atol=1e-4)


def test_sampled_columns_are_within_their_error_of_all_coalitions() -> None:
    gate = Gate(Network(Bent()), "log_odds")
    batch = cancer_rows(gate, "test", 24)
    estimate, error = column_effects(gate, batch)
    kept = torch.ones(2 ** len(READ), 30, dtype=torch.bool)
    kept[:, READ] = coalitions(len(READ))
    values = [mixed_score(gate, batch.x, batch.target, other, kept.expand(24, -1, -1)) for other in background()]
    exact = exact_shapley(torch.stack(values).double().mean(0))
    deviation = (estimate[:, READ] - exact) / error[:, READ]
    assert deviation.abs().max() < 4.5
    assert deviation.square().mean() == pytest.approx(1, abs=0.4)
    unread = torch.ones(30).index_fill(0, READ, 0).bool()
    assert estimate[:, unread].abs().max() < 1e-5


@each_model
def test_the_sampling_error_is_small(model: str) -> None:
    task = found("cancer_columns", model)
    batch = cancer_rows(task.gate(64), "test", 24)
    effect, error = column_effects(task.gate(64), batch)
    most = {"breast_cancer_mlp": 0.05, "breast_cancer_boosting": 0.01}
    assert (error.mean(1) / effect.std(1)).mean() < most[model]
