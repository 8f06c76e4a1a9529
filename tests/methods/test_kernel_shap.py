"""KernelSHAP against brute-force Shapley values of games in a table."""

from itertools import permutations
from math import factorial

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Game, Gate, Network, Refused, Rng, column_units, methods
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.harness import Asked, explain
from heatproof.methods.shapley._kernel import coalitions


class Table(nn.Module):
    """A game: the worth of each coalition of players, which are columns that are 1 or 0, as logit 0."""

    def __init__(self, players: int, seed: int = 31) -> None:
        super().__init__()
        worth = torch.randn(2**players, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        self.worth = nn.Parameter(worth)
        self.players = players

    def forward(self, x: Tensor) -> Tensor:
        place = (x * 2 ** torch.arange(self.players)).sum(1).long()
        return torch.stack([self.worth[place], torch.zeros(len(x), dtype=torch.float64)], 1)


def game(module: nn.Module, players: int, samples: int = 2) -> Question:
    x = torch.ones(samples, players, dtype=torch.float64)
    ids = tuple(f"sample-{i}" for i in range(samples))
    target = torch.zeros(samples, dtype=torch.int64)
    batch = Batch(ids, x, target, column_units(x), torch.zeros_like(x))
    return Question(Gate(Network(module), "logit", 1024), batch)


def found(question: Question, budget: int, seed: int = 0) -> Tensor:
    batch, part = question.batch, methods["kernel_shap"]
    rng = Rng([1000 * seed + i for i in range(len(batch))])
    values: Tensor = part.function(Game(question.gate, batch), rng, budget=budget)
    return values


def by_orders(worth: list[float], players: int) -> list[float]:
    """The mean over all orders of what each player adds to those before it."""
    values = [0.0] * players
    for order in permutations(range(players)):
        coalition = 0
        for player in order:
            values[player] += worth[coalition | 1 << player] - worth[coalition]
            coalition |= 1 << player
    return [value / factorial(players) for value in values]


def by_coalitions(worth: list[float], players: int) -> list[float]:
    """Shapley's formula, coalition by coalition."""
    values = [0.0] * players
    for coalition in range(2**players):
        size = coalition.bit_count()
        for player in range(players):
            if not coalition >> player & 1:
                share = factorial(size) * factorial(players - size - 1) / factorial(players)
                values[player] += share * (worth[coalition | 1 << player] - worth[coalition])
    return values


@pytest.mark.parametrize("players", range(1, 9))
def test_is_exact_where_all_coalitions_fit(players: int) -> None:
    module = Table(players)
    worth = module.worth.tolist()
    expected = by_orders(worth, players) if players < 7 else by_coalitions(worth, players)
    for row in found(game(module, players), 2**players):
        assert row.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_both_slow_formulas_agree() -> None:
    worth = Table(5).worth.tolist()
    assert by_orders(worth, 5) == pytest.approx(by_coalitions(worth, 5), rel=1e-12)


@pytest.mark.parametrize("players", [2, 3, 10, 16])
@pytest.mark.parametrize("budget", [4, 5, 6, 7, 33, 64])
def test_adds_up_to_the_change_for_any_budget(players: int, budget: int) -> None:
    module = Table(players)
    total = (module.worth[-1] - module.worth[0]).item()
    assert found(game(module, players), budget).sum(1).tolist() == pytest.approx([total] * 2, abs=1e-6)


def test_error_falls_with_the_root_of_the_budget() -> None:
    """Four times the budget, half the error, on a game of twelve players; the chance of it is in the tolerance."""
    players, budgets = 12, (200, 800, 3200)
    module = Table(players)
    expected = torch.tensor(by_coalitions(module.worth.tolist(), players), dtype=torch.float64)
    question = game(module, players, samples=100)
    errors = [(found(question, budget) - expected).square().mean().sqrt().item() for budget in budgets]
    assert [errors[0] / errors[1], errors[1] / errors[2]] == pytest.approx([2.0, 2.0], rel=0.15)


def test_has_no_bias_that_three_hundred_estimates_would_show() -> None:
    players = 10
    module = Table(players)
    expected = torch.tensor(by_coalitions(module.worth.tolist(), players), dtype=torch.float64)
    estimates = found(game(module, players, samples=300), 512, seed=7)
    error = estimates.std(0) / 300**0.5
    assert ((estimates.mean(0) - expected).abs() <= 4 * error).all()


def test_is_exact_on_an_additive_game_with_few_coalitions() -> None:
    players = 12
    module = nn.Linear(players, 2, dtype=torch.float64)
    weight = module.weight[0].detach()
    torch.testing.assert_close(found(game(module, players), 64), weight.expand(2, -1), rtol=1e-9, atol=1e-9)


def test_draws_sizes_from_the_kernel() -> None:
    players, drawn = 20, 20_000
    present, weight = coalitions(Rng([4]), players, 2 + 2 * drawn)
    assert weight.tolist() == [1.0] * 2 * drawn
    first = present[0, :drawn]
    kernel = torch.tensor([1 / (size * (players - size)) for size in range(1, players)])
    chance = kernel / kernel.sum()
    share = first.sum(1).bincount(minlength=players)[1:] / drawn
    assert ((share - chance).abs() <= 4 * (chance / drawn).sqrt()).all()
    assert first.double().mean(0).tolist() == pytest.approx([0.5] * players, abs=4 * 0.5 / drawn**0.5)


def test_draws_coalitions_in_pairs_with_their_complements() -> None:
    present, _ = coalitions(Rng([3, 4]), 16, 11)
    assert present.shape == (2, 8, 16)
    assert present[:, 4:].equal(~present[:, :4])
    assert not present[0].equal(present[1])


@pytest.mark.parametrize(("players", "budget"), [(16, 0), (16, 3), (2, 3), (1, 1)])
def test_refuses_a_budget_that_is_too_small(players: int, budget: int) -> None:
    with pytest.raises(Refused, match=f"a budget of {budget} passes is too small"):
        found(game(Table(players), players), budget)


def test_one_unit_gets_everything() -> None:
    module = Table(1)
    change = (module.worth[1] - module.worth[0]).item()
    assert found(game(module, 1), 512).flatten().tolist() == pytest.approx([change] * 2, rel=1e-12)


@pytest.mark.parametrize(("players", "budget", "billed"), [(3, 512, 8), (9, 512, 512), (10, 512, 512), (10, 33, 32)])
def test_bills_what_the_budget_buys(players: int, budget: int, billed: int) -> None:
    question = game(Table(players), players)
    cost = explain(Asked(methods["kernel_shap"], {"budget": budget}), question.gate, question.batch)[1]
    assert (cost.forward, cost.backward) == (2 * billed, 0)
    assert methods["kernel_shap"].passes_of({"budget": budget}, players) == (billed, 0)
