from collections.abc import Callable
from itertools import permutations

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Rng
from heatproof.datasets._shapley import coalitions, exact_shapley, sampled_shapley


def random_games(samples: int, players: int) -> Tensor:
    """Return games (N, 2^U) with values of all sizes, the empty coalition's not being zero."""
    generator = torch.Generator().manual_seed(players)
    return torch.randn(samples, 2**players, generator=generator, dtype=torch.float64) * 3 + 1


def by_orders(values: Tensor, players: int) -> Tensor:
    """Return the Shapley values of one game (2^U,) by their definition: the mean gain over all orders of arrival."""
    orders = list(permutations(range(players)))
    total = torch.zeros(players, dtype=torch.float64)
    for order in orders:
        present = 0
        for player in order:
            total[player] += values[present | 1 << player] - values[present]
            present |= 1 << player
    return total / len(orders)


def asked(values: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the game that looks up the value of each coalition."""

    def game(kept: Tensor) -> Tensor:
        return values.gather(1, (kept.long() << torch.arange(kept.shape[2])).sum(2))

    return game


def rng(samples: int, start: int = 0) -> Rng:
    return Rng(range(start, start + samples))


def test_coalitions_are_in_binary_order() -> None:
    assert coalitions(2).tolist() == [[False, False], [True, False], [False, True], [True, True]]
    assert len({tuple(row) for row in coalitions(7).tolist()}) == 2**7


@pytest.mark.parametrize("players", range(1, 7))
def test_exact_is_the_mean_gain_over_all_orders(players: int) -> None:
    games = random_games(3, players)
    expected = torch.stack([by_orders(game, players) for game in games])
    torch.testing.assert_close(exact_shapley(games), expected)


@pytest.mark.parametrize("players", [2, 5, 10])
def test_exact_adds_up(players: int) -> None:
    games = random_games(4, players)
    torch.testing.assert_close(exact_shapley(games).sum(1), games[:, -1] - games[:, 0])


def test_symmetric_players_get_the_same_and_a_dummy_gets_its_own_gain() -> None:
    kept = coalitions(4).double()
    first, second, third, fourth = kept.T
    values = (first * second + third * (first + second) ** 2 + 0.25 * fourth)[None]
    shapley = exact_shapley(values)[0]
    assert shapley[0] == pytest.approx(float(shapley[1]), abs=1e-15)
    assert shapley[3] == pytest.approx(0.25, abs=1e-15)
    assert exact_shapley((first * third)[None])[0, [1, 3]].abs().max() < 1e-15


@pytest.mark.parametrize("columns", [0, 1, 3, 12])
def test_exact_refuses_what_is_not_all_coalitions(columns: int) -> None:
    with pytest.raises(ValueError, match=f"values have {columns} columns"):
        exact_shapley(torch.zeros(1, columns))


def test_sampled_is_within_its_error_of_exact() -> None:
    games = random_games(40, 6)
    estimate, error = sampled_shapley(asked(games), 6, 200, rng(40))
    deviation = (estimate - exact_shapley(games)) / error
    assert deviation.abs().max() < 4
    assert deviation.square().mean() == pytest.approx(1, abs=0.25)


def test_sampled_error_falls_with_the_root_of_the_budget() -> None:
    games = random_games(30, 6)
    few, many = (sampled_shapley(asked(games), 6, budget, rng(30))[1].mean() for budget in (100, 1600))
    assert few / many == pytest.approx(4, rel=0.1)


def test_sampled_adds_up_and_is_exact_without_interactions_of_three() -> None:
    kept = coalitions(5).double()
    strength = torch.linspace(-1, 1, 5, dtype=torch.float64)
    pairwise = (kept @ strength + (kept @ strength.flip(0)) ** 2)[None]
    estimate, error = sampled_shapley(asked(pairwise), 5, 4, rng(1))
    torch.testing.assert_close(estimate, exact_shapley(pairwise))
    assert error.max() < 1e-12
    games = random_games(3, 5)
    estimate, _ = sampled_shapley(asked(games), 5, 4, rng(3))
    torch.testing.assert_close(estimate.sum(1), games[:, -1] - games[:, 0])


def test_sampled_asks_once_and_as_often_as_it_says() -> None:
    sizes = []

    def game(kept: Tensor) -> Tensor:
        sizes.append(tuple(kept.shape))
        return kept.sum(2)

    sampled_shapley(game, 7, 10, rng(3))
    assert sizes == [(3, 2 + 10 * 6, 7)]


def test_sampled_of_a_single_player() -> None:
    estimate, error = sampled_shapley(asked(torch.tensor([[1.0, 3.0]])), 1, 4, rng(1))
    assert (estimate.item(), error.item()) == (2.0, 0.0)


def test_a_sample_does_not_depend_on_its_batch() -> None:
    games = random_games(4, 5)
    together, _ = sampled_shapley(asked(games), 5, 8, rng(4))
    alone, _ = sampled_shapley(asked(games[2:3]), 5, 8, rng(1, start=2))
    torch.testing.assert_close(together[2:3], alone, rtol=0, atol=0)


@pytest.mark.parametrize("budget", [2, 3, 7])
def test_sampled_refuses_a_budget_without_an_error(budget: int) -> None:
    with pytest.raises(ValueError, match=f"permutations is {budget}"):
        sampled_shapley(asked(torch.zeros(1, 4)), 2, budget, rng(1))
