"""Shapley and Owen values against their definitions, by slow loops over orders."""

import importlib.util
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

import heatproof
from heatproof.benchmark import Game, Refused, Rng, grid_units, methods
from heatproof.benchmark.checks import Check, method_checks
from heatproof.benchmark.checks._questions import Question, ask
from heatproof.methods.shapley._tree import centres, depth_and_bill, halved

Worth = Callable[[set[int]], float]


class Table(nn.Module):
    """A game: the worth of each coalition of columns that are 1, not 0, as logit 0."""

    def __init__(self, players: int, seed: int = 31) -> None:
        super().__init__()
        self.worth = torch.randn(2**players, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        self.players = players

    def forward(self, x: Tensor) -> Tensor:
        place = (x * 2 ** torch.arange(self.players)).sum(1).long()
        return torch.stack([self.worth[place], torch.zeros(len(x), dtype=torch.float64)], 1)

    def of(self, coalition: set[int]) -> float:
        return float(self.worth[sum(1 << player for player in coalition)].item())


def game(table: nn.Module, players: int, samples: int = 2) -> Question:
    return ask(table, torch.ones(samples, players, dtype=torch.float64))


def found(name: str, question: Question, seed: int = 0, **settings: int) -> Tensor:
    batch, part = question.batch, methods[name]
    offers = {
        "game": Game(question.gate, batch),
        "x": batch.x,
        "rng": Rng([1000 * seed + i for i in range(len(batch))]),
    }
    values: Tensor = part.function(*(offers[word] for word in part.needs), **settings)
    return values


def mean_gain(worth: Worth, players: int, orders: Iterator[tuple[int, ...]]) -> list[float]:
    """The mean over orders of what each player adds to those before it."""
    values, count = [0.0] * players, 0
    for order in orders:
        count += 1
        for place, player in enumerate(order):
            before = set(order[:place])
            values[player] += worth({*before, player}) - worth(before)
    return [value / count for value in values]


def change(table: Table) -> float:
    return table.of(set(range(table.players))) - table.of(set())


@pytest.mark.parametrize("players", range(1, 8))
def test_exact_values_are_the_mean_over_all_orders(players: int) -> None:
    table = Table(players)
    expected = mean_gain(table.of, players, permutations(range(players)))
    for row in found("exact_shapley", game(table, players)):
        assert row.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_exact_values_of_sixteen_units_are_those_of_a_sum_of_products() -> None:
    """Each product of three columns is worth a third of its weight to each of them."""
    draw = torch.Generator().manual_seed(5)
    triples = torch.rand(20, 16, generator=draw).argsort(1)[:, :3]
    weight = torch.randn(20, generator=draw).double()
    question = ask(lambda x: (x[:, triples].prod(2) * weight).sum(1), torch.ones(2, 16).double())
    expected = torch.zeros(16).double().index_add_(0, triples.flatten(), weight.repeat_interleave(3) / 3)
    torch.testing.assert_close(found("exact_shapley", question), expected.expand(2, -1), rtol=1e-9, atol=1e-9)


def test_exact_values_refuse_what_does_not_fit_the_budget() -> None:
    reason = "the exact values of 17 units take 131072 passes, the budget is 65536: use kernel_shap or perm"
    with pytest.raises(Refused, match=reason):
        found("exact_shapley", game(Table(17), 17))
    with pytest.raises(Refused, match="take 16 passes, the budget is 15"):
        found("exact_shapley", game(Table(4), 4), budget=15)


CONTRACT = [pytest.param(check, id=title) for title, check in method_checks("exact_shapley", budget=256)]


@pytest.mark.parametrize("check", CONTRACT)
def test_exact_values_keep_the_contract_where_they_fit(check: Callable[[], Check]) -> None:
    outcome = check()
    assert outcome.passed, outcome.reason


def by_drawn_orders(table: Table, seed: int, budget: int) -> list[float]:
    """Random orders, and each one's reverse next, as many as the budget buys."""
    count = (budget - 2) // (table.players - 1)
    orders: list[tuple[int, ...]] = []
    rng = Rng([seed])
    while len(orders) < count:
        place = rng.permutation(table.players)[0]
        order = place.argsort().tolist()
        orders += [tuple(order), tuple(order[::-1])]
    return mean_gain(table.of, table.players, iter(orders[:count]))


@pytest.mark.parametrize(("players", "budget"), [(2, 3), (5, 6), (5, 10), (5, 14), (5, 45), (9, 100)])
def test_permutation_values_are_the_mean_over_drawn_orders(players: int, budget: int) -> None:
    table = Table(players)
    question = game(table, players)
    for i, row in enumerate(found("permutation_shapley", question, budget=budget)):
        assert row.tolist() == pytest.approx(by_drawn_orders(table, i, budget), rel=1e-9, abs=1e-9)
    billed = 2 + (budget - 2) // (players - 1) * (players - 1)
    assert question.gate.meter.forward == 2 * billed <= 2 * budget
    assert methods["permutation_shapley"].passes_of({"budget": budget}, players) == (billed, 0)


def test_permutation_values_have_no_bias_that_three_hundred_estimates_would_show() -> None:
    table = Table(8)
    expected = found("exact_shapley", game(table, 8))[0]
    estimates = found("permutation_shapley", game(table, 8, samples=300), budget=200)
    assert ((estimates.mean(0) - expected).abs() <= 4 * estimates.std(0) / 300**0.5).all()


def test_a_pair_of_reversed_orders_is_exact_where_only_pairs_interact() -> None:
    draw = torch.Generator().manual_seed(6)
    couple, alone = torch.randn(6, 6, generator=draw).double().triu(1), torch.randn(6, generator=draw).double()
    question = ask(lambda x: torch.einsum("ni,ij,nj->n", x, couple, x) + x @ alone, torch.ones(2, 6).double())
    expected = alone + (couple.sum(0) + couple.sum(1)) / 2
    values = found("permutation_shapley", question, budget=12)
    torch.testing.assert_close(values, expected.expand(2, -1), rtol=1e-9, atol=1e-9)


def tree_orders(units: list[int]) -> Iterator[tuple[int, ...]]:
    """All orders that keep the branches of a halved row together."""
    if len(units) == 1:
        yield (units[0],)
        return
    half = len(units) // 2
    for left in tree_orders(units[:half]):
        for right in tree_orders(units[half:]):
            yield left + right
            yield right + left


@pytest.mark.parametrize("players", range(1, 10))
def test_owen_values_are_the_mean_over_the_orders_of_the_tree(players: int) -> None:
    table = Table(players)
    orders = list(tree_orders(list(range(players))))
    assert len(set(orders)) == 2 ** (players - 1)
    expected = mean_gain(table.of, players, iter(orders))
    for row in found("owen_shapley", game(table, players)):
        assert row.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_owen_values_of_a_small_budget_are_those_of_branches_shared_alike() -> None:
    """Eight columns and a budget for two depths: a game of four pairs, each worth half to its two."""
    table = Table(8)

    def of_pairs(pairs: set[int]) -> float:
        return table.of({2 * pair + side for pair in pairs for side in (0, 1)})

    pairs = mean_gain(of_pairs, 4, tree_orders([0, 1, 2, 3]))
    for budget in (12, 43):
        (row, _) = found("owen_shapley", game(table, 8), budget=budget)
        assert row.tolist() == pytest.approx([pairs[i // 2] / 2 for i in range(8)], rel=1e-9, abs=1e-9)
    (row, _) = found("owen_shapley", game(table, 8), budget=4)
    sides = mean_gain(lambda s: table.of({4 * side + i for side in s for i in range(4)}), 2, permutations((0, 1)))
    assert row.tolist() == pytest.approx([sides[i // 4] / 4 for i in range(8)], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("units", "budget", "depth", "billed"),
    [(64, 2732, 6, 2732), (64, 2731, 5, 684), (5, 999, 3, 20), (5, 19, 2, 12), (5, 11, 1, 4), (1, 2, 0, 2)],
)
def test_owen_values_bill_whole_depths(units: int, budget: int, depth: int, billed: int) -> None:
    """The ends 2, the root 2, its halves 4 each, their halves 8 each; of five units, one of those can be divided."""
    assert depth_and_bill(units, budget) == (depth, billed)


def test_owen_values_bill_what_they_ask() -> None:
    for players, budget in ((1, 2), (5, 999), (6, 30), (8, 43)):
        question = game(Table(players), players)
        found("owen_shapley", question, budget=budget)
        assert question.gate.meter.forward == 2 * depth_and_bill(players, budget)[1] <= 2 * budget


def test_the_tree_halves_a_picture_along_its_longer_axis() -> None:
    units = grid_units(torch.zeros(1, 1, 4, 8), 2)
    assert units.reshape(4, 8)[::2, ::2].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert halved(centres(units, (4, 8))).tolist() == [[0, 1, 4, 5, 2, 3, 6, 7]]


def test_the_tree_of_a_sample_is_its_own() -> None:
    first, second = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([2, 2, 0, 0, 1, 1])
    assert centres(torch.stack([first, second]), (6,))[:, :, 0].tolist() == [[0.5, 2.5, 4.5], [2.5, 4.5, 0.5]]
    assert halved(centres(torch.stack([first, second]), (6,))).tolist() == [[0, 1, 2], [2, 0, 1]]


def test_owen_values_find_neighbours_in_pictures_whatever_their_labels() -> None:
    """The same pixels under other labels have the same values."""
    x = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(1)).double()
    mixed = torch.randperm(16, generator=torch.Generator().manual_seed(2))
    plain = ask(lambda x: (x.flatten(1).cumsum(1) ** 2).sin().sum(1), x)
    other = ask(lambda x: (x.flatten(1).cumsum(1) ** 2).sin().sum(1), x, units=mixed[None])
    torch.testing.assert_close(found("owen_shapley", other)[:, mixed], found("owen_shapley", plain))


@pytest.mark.parametrize("name", ["exact_shapley", "permutation_shapley", "owen_shapley"])
@pytest.mark.parametrize("players", [1, 2, 7, 10])
def test_values_add_up_to_the_change(name: str, players: int) -> None:
    table = Table(players)
    assert found(name, game(table, players)).sum(1).tolist() == pytest.approx([change(table)] * 2, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "players", "least"),
    [("permutation_shapley", 5, 6), ("permutation_shapley", 1, 2), ("owen_shapley", 5, 4), ("owen_shapley", 1, 2)],
)
def test_a_budget_that_is_too_small_is_refused(name: str, players: int, least: int) -> None:
    with pytest.raises(Refused, match=f"a budget of {least - 1} passes is too small: {name} needs at least {least}"):
        found(name, game(Table(players), players), budget=least - 1)
    assert found(name, game(Table(players), players), budget=least).isfinite().all()


def figure() -> ModuleType:
    path = Path(heatproof.__file__).parent / "docs" / "figures" / "shapley_convergence.py"
    spec = importlib.util.spec_from_file_location("shapley_convergence", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_estimators_converge_with_the_root_of_the_budget() -> None:
    drawn = figure()
    for name, (budgets, errors) in drawn.errors().items():
        assert drawn.slope(budgets, errors) == pytest.approx(-0.5, abs=0.06), name
