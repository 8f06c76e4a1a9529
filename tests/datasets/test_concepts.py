"""Four concepts of what a column does, against closed forms and plain loops, and references that are drawn."""

from itertools import permutations
from math import factorial

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from heatproof.benchmark import Batch, Truth, metrics, tasks
from heatproof.datasets.analytic import mirrored
from heatproof.datasets.analytic._table import units
from heatproof.datasets.analytic.concepts import COVARIANCE, TOGETHER, expected, marginal_shapley, mean_direction

FEW = 6
TABLES = tasks.from_module(mirrored)
each_table = pytest.mark.parametrize("table", [table.name for table in TABLES])


def asked(table: str, size: int = FEW) -> tuple[Batch, Truth]:
    batch = tasks[table].questions("test", size)
    assert batch.truth is not None
    return batch, batch.truth


def by_orders(worth: dict[frozenset[int], Tensor], players: int) -> Tensor:
    """Return the Shapley values (N, U) by their definition, over all orders."""
    gains = torch.zeros(len(worth[frozenset()]), players, dtype=torch.float64)
    for order in permutations(range(players)):
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            gains[:, player] += worth[before | {player}] - worth[before]
    return gains / factorial(players)


def subsets(players: int) -> list[frozenset[int]]:
    return [frozenset(i for i in range(players) if number >> i & 1) for number in range(2**players)]


def test_marginal_shapley_values_are_those_of_all_orders() -> None:
    x, pool = torch.rand(3, 5).double(), torch.rand(4, 5).double()

    def score(rows: Tensor) -> Tensor:
        return rows[:, 0] * rows[:, 2].exp() + rows[:, 3].maximum(rows[:, 2])

    worth = {}
    players = (0, 2, 3)
    for kept in subsets(3):
        total = torch.zeros(3).double()
        for row in pool:
            mixed = x.clone()
            for place, column in enumerate(players):
                if place not in kept:
                    mixed[:, column] = row[column]
            total += score(mixed) / len(pool)
        worth[kept] = total
    found = marginal_shapley(score, x, pool, torch.tensor([players]))
    torch.testing.assert_close(found[:, list(players)], by_orders(worth, 3))
    assert (found[:, [1, 4]] == 0).all()


def test_marginal_values_of_a_sum_are_those_of_its_blocks() -> None:
    x, pool = torch.rand(3, 6).double(), torch.rand(4, 6).double()

    def score(rows: Tensor) -> Tensor:
        return rows[:, 0] * rows[:, 1] + rows[:, 2:4].amax(1) - (rows[:, 4] - rows[:, 5]).exp()

    whole = marginal_shapley(score, x, pool, torch.arange(6)[None])
    torch.testing.assert_close(marginal_shapley(score, x, pool, torch.arange(6).reshape(3, 2)), whole)


@each_table
def test_removal_is_the_fall_of_the_score(table: str) -> None:
    batch, truth = asked(table)
    gate = tasks[table].gate()
    for column in range(0, batch.x.shape[1], 3):
        without = batch.x.clone()
        without[:, column] = batch.baseline[:, column]
        fall = gate.score(batch.x, batch.target) - gate.score(without, batch.target)
        torch.testing.assert_close(truth.values["removal"][:, column], fall)


@each_table
def test_marginal_values_add_up_to_the_lead_over_the_pool(table: str) -> None:
    batch, truth = asked(table)
    gate = tasks[table].gate()
    assert batch.pool is not None
    lead = gate.score(batch.x, batch.target) - gate.score(batch.pool, torch.zeros(len(batch.pool)).long()).mean()
    torch.testing.assert_close(truth.values["marginal"].sum(1), lead)


@each_table
def test_a_score_is_the_mean_cosine_with_the_concepts_and_the_truth_has_the_largest(table: str) -> None:
    batch, truth = asked(table)
    score = metrics["centred_cosine"].function
    maps = {
        "noise": torch.randn(batch.x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
        **truth.values,
    }

    def mean(relevance: Tensor) -> Tensor:
        moved = relevance - relevance.mean(1, keepdim=True)
        return torch.stack(
            [cosine_similarity(moved, value - value.mean(1, keepdim=True)) for value in truth.values.values()]
        ).mean(0)

    assert truth.effect is not None
    best = mean(truth.effect)
    for name, relevance in maps.items():
        found = score(attribution=relevance, effect=truth.effect, parts=truth.parts, x=batch.x)
        torch.testing.assert_close(found, mean(relevance) / best, msg=name)
        assert (found <= 1 + 1e-12).all()


def test_no_concept_is_the_whole_truth_where_they_differ() -> None:
    for table in ("max_route_concepts", "saturation_concepts", "cancellation_concepts"):
        _, truth = asked(table)
        for name, value in truth.values.items():
            alone = mean_direction([value])
            assert cosine_similarity(alone, truth.effect).mean() < 0.99, (table, name)  # type: ignore[arg-type]


def test_a_direction_has_no_mean_and_a_constant_row_has_none() -> None:
    rows = torch.tensor([[1.0, 2, 3], [5, 5, 5]]).double()
    expected_rows = torch.tensor([[-1.0, 0, 1], [0, 0, 0]]).double() / 2**0.5
    torch.testing.assert_close(mean_direction([rows, rows]), 2 * expected_rows)


def test_conditional_means_are_those_of_drawn_rows() -> None:
    """The others are drawn from their normal distribution given the kept ones, by the precision matrix."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 8, generator=generator, dtype=torch.float64)
    for kept in ([], [0], [1, 4], [0, 1, 2, 5, 7]):
        mask = torch.zeros(8, dtype=torch.bool)
        mask[kept] = True
        gone = ~mask
        precision = torch.linalg.inv(COVARIANCE)
        covariance = torch.linalg.inv(precision[gone][:, gone])
        spread = torch.linalg.cholesky(covariance)
        for row, found in zip(x, expected(x, mask), strict=True):
            mean = -covariance @ precision[gone][:, mask] @ row[mask]
            rows = row.repeat(200_000, 1)
            rows[:, gone] = mean + torch.randn(len(rows), int(gone.sum()), generator=generator).double() @ spread.T
            values = rows @ TOGETHER.weights + ((rows @ TOGETHER.form) * rows).sum(1)
            assert abs(values.mean() - found) < 5 * values.std() / len(rows) ** 0.5


def test_conditional_shapley_values_are_those_of_all_orders() -> None:
    batch, truth = asked("conditional_reference", 2)
    plain, worth = batch.x / units(8), {}
    for kept in subsets(8):
        mask = torch.tensor([column in kept for column in range(8)])
        worth[kept] = expected(plain, mask)
    torch.testing.assert_close(truth.effect, by_orders(worth, 8))
    whole = tasks["conditional_reference"].gate().score(batch.x, batch.target)
    torch.testing.assert_close(worth[frozenset(range(8))], whole)


def test_the_two_references_ask_two_questions() -> None:
    _, marginal = asked("marginal_reference", 48)
    _, conditional = asked("conditional_reference", 48)
    assert marginal.effect is not None
    assert conditional.effect is not None
    assert cosine_similarity(marginal.effect, conditional.effect).mean() < 0.9
