"""Tables on both sides of their reference, against enumeration, quadrature, their mirror images, and cheats."""

from dataclasses import replace

import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from heatproof.benchmark import Batch, Gate, Truth, tasks
from heatproof.benchmark.checks._judge import Judge
from heatproof.benchmark.checks._task_figures import figures
from heatproof.benchmark.checks.oracles import holder
from heatproof.datasets._shapley import coalitions, exact_shapley
from heatproof.datasets.analytic import mirrored
from heatproof.datasets.analytic._table import units

FEW = 3
NAMES = [table.name for table in tasks.from_module(mirrored)]
each_table = pytest.mark.parametrize("name", NAMES)
ROWS = 300


def asked(name: str, size: int = FEW) -> tuple[Gate, Batch, Truth]:
    batch = tasks[name].questions("test", size)
    assert batch.truth is not None
    return tasks[name].gate(2**16), batch, batch.truth


def enumerated(gate: Gate, batch: Batch, players: Tensor, absent: Tensor) -> Tensor:
    """Return the Shapley values of some columns from all their coalitions, over rows (P, D) in place of the others."""
    kept = torch.ones(2 ** len(players), batch.x.shape[1], dtype=torch.bool)
    kept[:, players] = coalitions(len(players))
    target = torch.zeros(len(kept), dtype=torch.int64)
    worth = [torch.stack([gate.score(torch.where(kept, x, row), target) for row in absent]).mean(0) for x in batch.x]
    return exact_shapley(torch.stack(worth))


def players_of(name: str, batch: Batch) -> Tensor:
    """Return the columns; of 64, those that are heard in any row, and as many others."""
    if name != "dummy_columns_concepts":
        return torch.arange(batch.x.shape[1])
    heard = (mirrored.tent(mirrored.away(batch).abs()) > 0).any(0)
    return torch.cat([heard.nonzero()[:, 0], (~heard).nonzero()[:4, 0]])


def test_there_are_the_eight_informative_tables() -> None:
    assert len(NAMES) == 8
    assert {tasks[name].family for name in NAMES} == {"analytic"}
    assert len({tasks[name].sample_set for name in NAMES}) == 8


@each_table
def test_shapley_values_are_those_of_the_network(name: str) -> None:
    gate, batch, truth = asked(name, 1)
    players = players_of(name, batch)
    found = enumerated(gate, batch, players, batch.baseline)
    torch.testing.assert_close(truth.values["shapley"][:, players], found, rtol=1e-9, atol=1e-10)
    gain = gate.score(batch.x, batch.target) - gate.score(batch.baseline, batch.target)
    torch.testing.assert_close(truth.values["shapley"].sum(1), gain, rtol=1e-9, atol=1e-10)


@each_table
def test_path_integrals_are_those_of_captum(name: str) -> None:
    gate, batch, truth = asked(name)
    found = IntegratedGradients(gate.score).attribute(
        batch.x, batch.baseline, additional_forward_args=batch.target, n_steps=4000, method="riemann_middle"
    )
    torch.testing.assert_close(found, truth.values["integrated_gradients"], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["nonzero_reference_concepts", "max_route_concepts", "saturation_concepts"])
def test_marginal_values_are_those_of_all_coalitions(name: str) -> None:
    gate, batch, truth = asked(name, 1)
    assert batch.pool is not None
    found = enumerated(gate, batch, torch.arange(batch.x.shape[1]), batch.pool)
    torch.testing.assert_close(truth.values["marginal"], found, rtol=1e-9, atol=1e-10)


@each_table
def test_the_mirror_image_has_the_opposite_truth(name: str) -> None:
    gate, batch, truth = asked(name)
    image = 2 * batch.baseline - batch.x
    if name == "cancellation_concepts":
        image[:, 1::2] = batch.x[:, 1::2]
    torch.testing.assert_close(gate.score(image, batch.target), -gate.score(batch.x, batch.target))
    opposite = tasks[name].function(gate, replace(batch, x=image))
    assert opposite is not None
    for concept in ("shapley", "removal", "integrated_gradients"):
        torch.testing.assert_close(opposite.values[concept], -truth.values[concept])


@each_table
def test_columns_play_alike_parts_in_units_of_their_own(name: str) -> None:
    """The mean size of the effect is the same for all columns, of one sign or not; of a bit and its column, nearly."""
    _, batch, truth = asked(name, ROWS)
    assert truth.effect is not None
    size, mean = truth.effect.abs(), truth.effect.mean(0)
    assert (mean.abs() < 5 * truth.effect.std(0) / ROWS**0.5).all()
    alike = size.unflatten(1, (-1, 2)).mean(2) if name == "cancellation_concepts" else size
    assert ((alike.mean(0) - alike.mean()).abs() < 5 * alike.std(0) / ROWS**0.5).all()
    away = (batch.x - batch.baseline) / units(batch.x.shape[1])
    if name != "cancellation_concepts":
        assert ((away.abs().mean(0) - away.abs().mean()).abs() < 5 * away.abs().std(0) / ROWS**0.5).all()


def test_a_few_columns_are_heard_and_the_others_do_nothing() -> None:
    gate, batch, truth = asked("dummy_columns_concepts", 48)
    shapley, away = truth.values["shapley"], mirrored.away(batch).abs()
    heard = shapley != 0
    assert heard.sum(1).tolist() == [mirrored.HEARD] * 48
    assert heard.any(0).sum() > 50
    assert abs(away[heard].mean() - away[~heard].mean()) < 0.1
    silent = torch.where(heard, batch.x, batch.baseline)
    torch.testing.assert_close(gate.score(silent, batch.target), gate.score(batch.x, batch.target))
    assert truth.values["removal"][~heard].abs().max() < 1e-12


@pytest.mark.parametrize(
    ("name", "most"),
    [*((name, 0.3) for name in NAMES), ("marginal_reference", 0.4), ("conditional_reference", 0.3)],
)
def test_no_cheat_passes(name: str, most: float) -> None:
    """Neither with signs, nor without them, where it is judged by the magnitude of the truth; 0.5 are allowed."""
    cheats = figures(tasks[name], 100).cheats
    assert len(cheats) >= 12
    assert max(cheats.values()) <= most, cheats


@each_table
def test_building_a_network_draws_nothing(name: str) -> None:
    before = torch.random.get_rng_state()
    tasks[name].model.function()
    assert torch.equal(torch.random.get_rng_state(), before)


@each_table
def test_an_untrained_copy_is_another_function(name: str) -> None:
    gate, batch, _ = asked(name)
    assert not torch.allclose(gate.randomized(0).score(batch.x, batch.target), gate.score(batch.x, batch.target))
    assert gate.score(batch.x[:0], batch.target[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("nonzero_reference_concepts", 0.4),
        ("dummy_columns_concepts", 0.2),
        ("shattered_gradient_concepts", 0.2),
        ("all_of_three_concepts", 0.8),
        ("saturation_concepts", 0.6),
        ("cancellation_concepts", 0.9),
    ],
)
def test_traps_catch_the_gradient(name: str, most: float) -> None:
    gate, batch, truth = asked(name, 48)
    judge = Judge(holder("centred_cosine"), "centred_cosine", gate, batch, truth)
    gradient = gate.gradient(batch.x, batch.target)
    assert judge.maps([gradient * batch.x]).mean() < most
    assert judge.maps([gradient]).mean() < most
