import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor
from torch.nn.functional import cosine_similarity

from heatproof.benchmark import Batch, Gate, Task, impute, tasks
from heatproof.datasets._shapley import coalitions, exact_shapley
from heatproof.datasets.analytic import additive, curves, interactions, logic, traps
from heatproof.datasets.analytic.additive import DUMMIES, READ

TABLES = [table for theme in (additive, curves, interactions, logic, traps) for table in tasks.from_module(theme)]
ROWS = 48
"""Rows that the claims are checked on."""
FEW = 4
"""Rows that all coalitions are enumerated of."""

each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def questions(table: Task, size: int = ROWS, split: str = "test") -> Batch:
    return table.questions(split, size, 4096)


def effect_of(batch: Batch) -> Tensor:
    assert batch.truth is not None
    assert batch.truth.effect is not None
    return batch.truth.effect


def value_of(table: Task, concept: str) -> Tensor:
    truth = questions(table, FEW).truth
    assert truth is not None
    if concept not in truth.values:
        pytest.skip(f"no closed form of {concept}")
    return truth.values[concept]


def enumerated(gate: Gate, batch: Batch, target: Tensor, players: Tensor) -> Tensor:
    """Return the Shapley values of some columns from the network's answers to all their coalitions."""
    kept = torch.ones(2 ** len(players), batch.x.shape[1], dtype=torch.bool)
    kept[:, players] = coalitions(len(players))
    rows = [
        gate.score(impute(x.expand(kept.shape), x0.expand(kept.shape), kept), t.expand(len(kept)))
        for x, x0, t in zip(batch.x, batch.baseline, target, strict=True)
    ]
    return exact_shapley(torch.stack(rows))


def cosines(table: Task, attribution: Tensor) -> float:
    return float(cosine_similarity(attribution, effect_of(questions(table))).mean())


def test_there_are_enough_tables_of_their_own_samples() -> None:
    assert len(TABLES) >= 15
    assert len({table.sample_set for table in TABLES}) == len(TABLES)
    assert len({table.version for table in TABLES}) == len(TABLES)
    assert {table.family for table in TABLES} == {"analytic"}


@each_table
def test_effects_are_the_shapley_values_of_the_network(table: Task) -> None:
    batch, gate = questions(table, FEW), table.gate(2**16)
    effect = effect_of(batch)
    players = READ if table.name == "dummy_columns" else torch.arange(batch.x.shape[1])
    torch.testing.assert_close(
        effect[:, players], enumerated(gate, batch, batch.target, players), rtol=1e-9, atol=1e-10
    )
    torch.testing.assert_close(value_of(table, "shapley"), effect, rtol=0, atol=0)
    gain = gate.score(batch.x, batch.target) - gate.score(batch.baseline, batch.target)
    torch.testing.assert_close(effect.sum(1), gain, rtol=1e-9, atol=1e-10)


def test_dummies_change_nothing() -> None:
    table = tasks.from_module(additive)[-1]
    batch, gate = questions(table), table.gate(4096)
    assert table.name == "dummy_columns"
    others = torch.ones(DUMMIES).index_fill(0, READ, 0).bool()
    changed = impute(batch.x, batch.x + 100, ~others.expand(batch.x.shape))
    torch.testing.assert_close(gate.score(changed, batch.target), gate.score(batch.x, batch.target), rtol=0, atol=0)
    assert effect_of(batch)[:, others].abs().max() == 0


def test_contrast_knows_the_effect_on_the_rival() -> None:
    (table,) = (table for table in TABLES if "rival" in table.knows)
    batch = questions(table, FEW)
    assert table.headline == "effect_contrast"
    assert batch.truth is not None
    assert batch.truth.rival is not None
    assert batch.truth.rival_effect is not None
    assert (batch.truth.rival != batch.target).all()
    expected = enumerated(table.gate(4096), batch, batch.truth.rival, torch.arange(8))
    torch.testing.assert_close(batch.truth.rival_effect, expected)
    assert cosine_similarity(batch.truth.rival_effect, effect_of(batch)).max() < 0.9


@each_table
def test_gradients_are_those_of_autograd(table: Task) -> None:
    batch = questions(table, FEW)
    torch.testing.assert_close(value_of(table, "gradient"), table.gate(64).gradient(batch.x, batch.target))


@each_table
def test_path_integrals_are_those_of_captum(table: Task) -> None:
    expected, batch = value_of(table, "integrated_gradients"), questions(table, FEW)
    found = IntegratedGradients(table.gate(4096).score).attribute(
        batch.x, batch.baseline, additional_forward_args=batch.target, n_steps=4000, method="riemann_middle"
    )
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@each_table
def test_rows_depend_on_their_number_and_split_alone(table: Task) -> None:
    many, few, tune = questions(table), questions(table, 3), questions(table, split="tune")
    assert many.ids[:3] == few.ids
    torch.testing.assert_close(many.x[:3], few.x, rtol=0, atol=0)
    assert not set(many.ids) & set(tune.ids)
    shared = (many.x[:, None] == tune.x).all(2).any(1)
    assert not shared.any() or table.name == "exclusive_or"
    assert many.x.dtype == torch.float64


@each_table
def test_the_headline_is_defined_and_the_truth_is_not_noise(table: Task) -> None:
    effect = effect_of(questions(table))
    assert effect.norm(dim=1).min() > 0.1
    noise = torch.randn(effect.shape, generator=torch.Generator().manual_seed(0))
    assert abs(cosines(table, noise.double())) < 0.2
    assert cosines(table, torch.ones_like(effect)) < 0.4
    batch = questions(table)
    assert cosines(table, (batch.x - batch.baseline).abs()) < 0.4


@each_table
def test_masks_agree_with_the_effects(table: Task) -> None:
    truth = questions(table).truth
    assert truth is not None
    assert truth.effect is not None
    assert (truth.relevant is not None, truth.impossible is not None) == (
        "relevant" in table.knows,
        "impossible" in table.knows,
    )
    if truth.impossible is not None:
        assert torch.equal(truth.impossible, truth.effect == 0)
    if truth.relevant is not None:
        assert torch.equal(truth.relevant, truth.effect > 0)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("saturation", 0.1),
        ("shattered_gradient", 0.2),
        ("softmax_gate", 0.7),
        ("cancellation", 0.8),
        ("all_of_three", 0.7),
        ("max_route", 0.9),
        ("pairwise_products", 0.9),
        ("exclusive_or", 0.95),
    ],
)
def test_traps_catch_the_gradient(name: str, most: float) -> None:
    (table,) = (table for table in TABLES if table.name == name)
    batch = questions(table)
    gradient = table.gate(64).gradient(batch.x, batch.target)
    assert cosines(table, gradient * (batch.x - batch.baseline)) < most
    assert cosines(table, gradient) < most


def test_unread_columns_are_near_copies_of_their_neighbours() -> None:
    (table,) = (table for table in TABLES if table.name == "correlated_linear")
    apart = (torch.arange(12)[:, None] - torch.arange(12)).abs()
    assert (torch.corrcoef(questions(table, 2000).x.T) - additive.RHO ** apart.double()).abs().max() < 0.1


def test_building_a_network_draws_nothing() -> None:
    before = torch.random.get_rng_state()
    for table in TABLES:
        table.model.function()
    assert torch.equal(torch.random.get_rng_state(), before)


@each_table
def test_an_untrained_copy_is_another_function(table: Task) -> None:
    batch, gate = questions(table), table.gate(64)
    assert not torch.allclose(gate.randomized(0).score(batch.x, batch.target), gate.score(batch.x, batch.target))
    assert gate.score(batch.x[:0], batch.target[:0]).shape == (0,)
