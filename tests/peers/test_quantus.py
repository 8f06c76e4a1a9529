"""Where quantus follows the definition that ours follows, and is right, both agree."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from heatproof import peers
from heatproof.benchmark import Gate, Method, Network, Refused, at_elements, column_units
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.libraries import seeded

pytest.importorskip("quantus", reason="quantus is not installed")

Scored = Callable[..., Tensor]
Maps = Callable[[Question], Tensor]

EVERYWHERE = (
    "quantus.pixel_flipping",
    "quantus.relevance_mass_accuracy",
    "quantus.attribution_localisation",
    "quantus.relevance_rank_accuracy",
    "quantus.auc",
    "quantus.pointing_game",
    "quantus.top_k_intersection",
    "quantus.complexity",
)
IN_PICTURES = ("quantus.selectivity", "quantus.region_perturbation")
IN_TABLES = ("quantus.faithfulness_estimate",)


def agree(left: Tensor, right: Tensor) -> None:
    torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", EVERYWHERE + IN_PICTURES)
def test_pictures_get_our_scores(name: str, pictures: Question, maps: Maps, theirs: Scored, ours: Scored) -> None:
    here = maps(pictures)
    agree(theirs(name, pictures, here), ours(name, pictures, here))


@pytest.mark.parametrize("name", EVERYWHERE + IN_TABLES)
def test_tables_get_our_scores(name: str, table: Question, maps: Maps, theirs: Scored, ours: Scored) -> None:
    here = maps(table)
    agree(theirs(name, table, here), ours(name, table, here))


@pytest.mark.parametrize("name", [*IN_PICTURES, "quantus.pixel_flipping"])
@pytest.mark.parametrize("steps", [4, 5])
def test_curves_get_our_scores_with_fewer_steps(
    name: str, steps: int, pictures: Question, maps: Maps, theirs: Scored, ours: Scored
) -> None:
    """Four steps of four patches are even, five are not."""
    here = maps(pictures)
    agree(theirs(name, pictures, here, steps=steps), ours(name, pictures, here, steps=steps))


def test_elements_that_are_left_open_do_not_count(pictures: Question, maps: Maps, theirs: Scored, ours: Scored) -> None:
    truth = pictures.batch.truth
    assert truth is not None
    assert truth.impossible is not None
    open_to = replace(truth, impossible=truth.impossible & (torch.arange(16) < 12))
    asked, here = replace(pictures, batch=replace(pictures.batch, truth=open_to)), maps(pictures)
    for name in EVERYWHERE[1:]:
        agree(theirs(name, asked, here), ours(name, asked, here))


@pytest.mark.parametrize("name", ["quantus.effective_complexity", "quantus.sparseness"])
def test_maps_of_one_size_get_our_scores(
    name: str, pictures: Question, maps: Maps, theirs: Scored, ours: Scored
) -> None:
    """Both are relative to the largest magnitude of the batch, so all maps need the same."""
    here = maps(pictures)
    here = here / here.abs().amax(1, keepdim=True)
    agree(theirs(name, pictures, here), ours(name, pictures, here))


def linear(question: Question, weights: Tensor) -> Question:
    """Ask a linear model, the same for each class."""
    layer = torch.nn.Linear(len(weights), 3, bias=False)
    layer.weight.data = weights.expand(3, -1).clone()
    return replace(question, gate=Gate(Network(layer), "logit"))


def test_monotonicity_correlation_with_clear_effects_is_ours(
    table: Question, maps: Maps, theirs: Scored, ours: Scored
) -> None:
    asked, here = linear(table, torch.arange(1.0, 10.0)), maps(table)
    asked = replace(asked, batch=replace(asked.batch, x=asked.batch.x.sigmoid() + 1))
    agree(
        theirs("quantus.monotonicity_correlation", asked, here), ours("quantus.monotonicity_correlation", asked, here)
    )


def test_faithfulness_correlation_of_many_subsets_is_ours_of_all(
    table: Question, maps: Maps, theirs: Scored, ours: Scored
) -> None:
    """Of nine columns 126 subsets hold four; the standard error of a correlation over 125 draws is at most .09."""
    here, name = maps(table), "quantus.faithfulness_correlation"
    with seeded(81):
        drawn = theirs(name, table, here, subsets=125, size=0.44)
    gap = drawn - ours(name, table, here, subsets=126, size=0.44)
    assert float(gap.square().mean().sqrt()) < 0.09
    with pytest.raises(Refused, match="ours takes them all"):
        theirs(name, table, here, subsets=126, size=0.44)


def test_non_sensitivity_of_blind_columns_is_ours(table: Question, maps: Maps, theirs: Scored, ours: Scored) -> None:
    """Three columns have no effect, and three others no relevance: two thirds are on one side only."""
    asked = linear(table, torch.tensor([1.0, 2, 3, 4, 5, 6, 0, 0, 0]))
    here = maps(table).sign() * (torch.arange(9) >= 3)
    agree(theirs("quantus.non_sensitivity", asked, here), torch.full((20,), 2 / 3).double())
    agree(theirs("quantus.non_sensitivity", asked, here), ours("quantus.non_sensitivity", asked, here))


def test_focus_on_a_mosaic_is_ours(pictures: Question, maps: Maps, theirs: Scored, ours: Scored) -> None:
    tile = torch.arange(16)[:, None] // 8 * 2 + torch.arange(16) // 8
    parts = tile.flatten().expand(20, -1)
    truth = pictures.batch.truth
    assert truth is not None
    relevant = torch.tensor([True, False, False, True]).expand(20, -1)
    mosaic = replace(truth, parts=parts, relevant=relevant, impossible=~relevant)
    asked, here = replace(pictures, batch=replace(pictures.batch, truth=mosaic)), maps(pictures)
    agree(theirs("quantus.focus", asked, here), ours("quantus.focus", asked, here))
    elsewhere = replace(mosaic, relevant=relevant, impossible=~relevant, parts=tile.T.flatten().roll(1).expand(20, -1))
    with pytest.raises(Refused, match="2 x 2 mosaic"):
        theirs("quantus.focus", replace(asked, batch=replace(asked.batch, truth=elsewhere)), here)


def test_random_logit_between_two_classes_is_ours(table: Question, theirs: Scored, ours: Scored) -> None:
    """Where there is but one other class, nothing is drawn."""
    two = Gate(Network(torch.nn.Sequential(table.gate.module, torch.nn.Linear(3, 2)).eval()), "logit")
    asked = replace(table, gate=two, batch=replace(table.batch, target=table.batch.target % 2))

    def turned(x: Tensor, target: Tensor) -> Tensor:
        """A map of each class."""
        return torch.where(target[:, None] == 0, x, x.abs())

    here = turned(table.batch.x, asked.batch.target).double()
    agree(
        theirs("quantus.random_logit", asked, here, Method(turned)),
        ours("quantus.random_logit", asked, here, Method(turned)),
    )


@pytest.mark.parametrize("which", ["max_sensitivity", "average_sensitivity", "local_lipschitz_estimate"])
def test_stability_of_a_map_that_does_not_change_is_ours(
    which: str, pictures: Question, theirs: Scored, ours: Scored
) -> None:
    def still(units: Tensor) -> Tensor:
        """The same map everywhere."""
        return at_elements(torch.arange(16.0).expand(len(units), -1), units)

    here, name = still(pictures.batch.units).double(), f"quantus.{which}"
    agree(theirs(name, pictures, here, Method(still)), ours(name, pictures, here, Method(still)))
    agree(theirs(name, pictures, here, Method(still)), torch.zeros(20).double())


def test_lipschitz_constant_of_the_picture_itself_is_ours(pictures: Question, theirs: Scored, ours: Scored) -> None:
    """A map that is the picture changes as the picture does, whatever the noise."""
    x = pictures.batch.x[:, :1]
    network = Network(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 3)))
    asked = replace(pictures, gate=Gate(network), batch=replace(pictures.batch, x=x, baseline=torch.zeros_like(x)))

    def same(x: Tensor) -> Tensor:
        """The picture."""
        return x

    here = x.flatten(1).double()
    agree(*(ask("quantus.local_lipschitz_estimate", asked, here, Method(same)) for ask in (theirs, ours)))


def test_its_infidelity_of_a_linear_models_effects_is_zero(pictures: Question, theirs: Scored) -> None:
    """Channels weigh alike, for it asks about single numbers, and takes from each as much as from the next."""
    weights = torch.randn(1, 256, generator=torch.Generator().manual_seed(67)).repeat(1, 3)
    layer = torch.nn.Linear(768, 3, bias=False)
    layer.weight.data = weights.repeat(3, 1)
    network = Network(torch.nn.Sequential(torch.nn.Flatten(), layer))
    x = pictures.batch.x[:, :1].expand(-1, 3, -1, -1)
    asked = replace(pictures, gate=Gate(network, "logit"), batch=replace(pictures.batch, x=x))
    effect = (x.flatten(1) * weights).unflatten(1, (3, 256)).sum(1).double()
    exact, wrong = (theirs("quantus.infidelity", asked, each) for each in (effect, -effect))
    agree(exact, torch.zeros(20).double())
    assert bool((wrong > 1).all())


def test_uneven_units_are_refused(table: Question, maps: Maps, theirs: Scored) -> None:
    uneven = torch.tensor([0, 0, 1, 1, 1, 1, 2, 2, 2]).expand(20, -1)
    asked = replace(table, batch=replace(table.batch, units=uneven, truth=None))
    with pytest.raises(Refused, match="steps of one size"):
        theirs("quantus.pixel_flipping", asked, maps(table))


def test_a_baseline_of_several_values_is_refused(table: Question, maps: Maps, theirs: Scored) -> None:
    asked = replace(table, batch=replace(table.batch, baseline=table.batch.x.flip(0)))
    with pytest.raises(Refused, match="fills with one value"):
        theirs("quantus.pixel_flipping", asked, maps(table))


def test_a_readout_that_it_does_not_know_is_refused(table: Question, maps: Maps, theirs: Scored) -> None:
    asked = replace(table, gate=Gate(table.gate.network, "margin"))
    with pytest.raises(Refused, match="logits or probabilities, not margin"):
        theirs("quantus.pixel_flipping", asked, maps(table))


def test_metrics_of_pictures_refuse_tables(table: Question, maps: Maps, theirs: Scored) -> None:
    assert table.batch.units.equal(column_units(table.batch.x))
    with pytest.raises(Refused, match="for pictures only"):
        theirs("quantus.road", table, maps(table))


def test_every_metric_of_quantus_is_measured() -> None:
    """Of its catalogue, under the names of classes, nothing is left out."""
    from quantus import AVAILABLE_METRICS

    offered = {each.__name__ for family in AVAILABLE_METRICS.values() for each in family.values()}
    assert offered == {peer.theirs.partition(".")[2] for peer in peers.find("quantus")}
