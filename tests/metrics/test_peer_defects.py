"""One test for each defect that was measured in a peer library and that a metric of ours could have.

Named after the peer's metric; the numbers are those of our list of peers' defects, which says where each was seen.
"""

from collections.abc import Callable
from dataclasses import replace
from math import isnan, log

import numpy as np
import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Gate, Network, area, metrics, per_unit
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.harness import Asked, score

Scored = Callable[..., dict[str, Tensor]]


def test_1_monotonicity_always_true(scored: Scored, uneven: Question, maps: Tensor) -> None:
    """Quantus perturbs the baseline with the baseline: the curve is flat, and every map scores alike."""
    good, bad = (scored("perturbation_curves", uneven, sign * maps) for sign in (1, -1))
    assert (good["insertion_curve"].std(1) > 0).all()
    assert (good["insertion"] != bad["insertion"]).all()


def test_2_and_5_road_and_irof_crash_on_channels(scored: Scored, uneven: Question, maps: Tensor) -> None:
    assert uneven.batch.x.shape == (8, 3, 5, 6)
    assert all(values.isfinite().all() for values in scored("perturbation_curves", uneven, maps).values())


@pytest.mark.parametrize("name", ["perturbation_curves", "effect_correlation"])
def test_3_and_4_road_and_sensitivity_n_score_only_the_first_batch(
    scored: Scored, uneven: Question, maps: Tensor, name: str
) -> None:
    whole = scored(name, uneven, maps)
    for key, values in scored(name, uneven.sized(2), maps).items():
        assert len(values) == 8
        torch.testing.assert_close(values, whole[key], rtol=1e-9, atol=1e-12)
    assert whole[min(metrics[name].directions)].unique().numel() == 8


def test_6_pointing_game_is_true_for_an_empty_mask() -> None:
    nothing, everything = torch.zeros(1, 4).bool(), torch.ones(1, 4).bool()
    assert isnan(metrics["pointing_game"].function(torch.rand(1, 4), nothing, everything, torch.rand(1, 4)).item())


def test_8_attribution_localisation_depends_on_the_batch_size(scored: Scored, uneven: Question, maps: Tensor) -> None:
    expected = scored("relevance_mass", uneven, maps)["relevance_mass"]
    for size in (1, 2, 3, 4, 8):
        assert scored("relevance_mass", uneven.sized(size), maps)["relevance_mass"].equal(expected)


@pytest.mark.parametrize("name", [name for name in metrics if "explain" not in metrics[name].needs])
def test_9_normalisation_by_the_largest_of_the_batch(scored: Scored, uneven: Question, maps: Tensor, name: str) -> None:
    loud = maps.clone()
    loud[0] *= 1e8
    for key, values in scored(name, uneven, loud).items():
        assert values[1:].equal(scored(name, uneven, maps)[key][1:]), key


def test_10_completeness_compares_floats_with_equality(scored: Scored, uneven: Question) -> None:
    batch, gate = uneven.batch, uneven.gate
    change = gate.score(batch.x, batch.target) - gate.score(batch.baseline, batch.target)
    exact = (change[:, None] / 30).expand(-1, 30).float().double()
    assert (scored("completeness", uneven, exact)["completeness"] <= 1e-6).all()


def test_11_areas_do_not_rest_on_what_numpy_removed(scored: Scored, uneven: Question, maps: Tensor) -> None:
    found = scored("perturbation_curves", uneven, maps)
    for i in range(8):
        expected = np.trapezoid(found["deletion_curve"][i].numpy(), found["fraction"][i].numpy())
        assert found["deletion"][i].item() == pytest.approx(expected, rel=1e-12)
    assert area(torch.tensor([[0.0, 1.0]]), torch.tensor([[3.0, 5.0]])).tolist() == [4.0]


def test_14_infidelity_asks_the_same_input_again_and_again(uneven: Question, maps: Tensor) -> None:
    asked: list[bytes] = []
    module = uneven.gate.module

    def predict(x: Tensor) -> Tensor:
        asked.extend(row.numpy().tobytes() for row in x)
        probabilities: Tensor = module(x).softmax(1).detach()
        return probabilities

    cost = score(Asked(metrics["perturbation_curves"], {}), Gate(Network(predict=predict)), uneven.batch, maps, None)[1]
    assert len(asked) == len(set(asked)) == cost.forward == 8 * 14


def test_15_scores_depend_on_batch_mates_and_reset_the_users_random_state(scored: Scored, uneven: Question) -> None:
    ties, before = torch.zeros(8, 30, dtype=torch.float64), torch.get_rng_state()
    together = scored("perturbation_curves", uneven, ties)["insertion"]
    alone = scored("perturbation_curves", replace(uneven, batch=uneven.batch[5:6]), ties[:1])["insertion"]
    torch.testing.assert_close(alone, together[5:6], rtol=1e-12, atol=0)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize("steps", [2, 3, 4, 5, 6])
def test_17_steps_that_do_not_divide_the_units(scored: Scored, uneven: Question, maps: Tensor, steps: int) -> None:
    fraction = scored("perturbation_curves", uneven, maps, steps=steps)["fraction"]
    assert (fraction[:, 0] == 0).all()
    assert (fraction[:, -1] == 1).all()
    assert (fraction.diff(dim=1) > 0).all()


def test_18_directions_are_backwards(scored: Scored, uneven: Question) -> None:
    """The exact effects of removing each unit alone order the units better than their opposite does."""
    part = metrics["perturbation_curves"]
    batch, gate = uneven.batch, uneven.gate
    gradient = gate.gradient(batch.x, batch.target) * (batch.x - batch.baseline)
    truth = gradient.sum(1).flatten(1)
    best, worst = (scored("perturbation_curves", uneven, sign * truth) for sign in (1, -1))
    for name, better in part.directions.items():
        if name != "tied_units" and not name.endswith("_normalised"):
            difference = (best[name] - worst[name]).mean().item()
            assert (difference > 0) == (better == "higher"), name


def test_grad_cam_road_removes_everything_where_most_pixels_are_zero(scored: Scored, uneven: Question) -> None:
    """With 94 % zeros a percentile as threshold removes all at every step; here each step removes what it says."""
    rectified = torch.zeros(8, 30, dtype=torch.float64)
    rectified[:, :2] = 1.0
    found = scored("perturbation_curves", uneven, rectified)
    assert found["fraction"].shape == (8, 8)
    assert (found["fraction"].diff(dim=1) > 0).all()
    assert (found["tied_units"] > 0.5).all()


def test_captum_infidelity_depends_on_the_scale(scored: Scored, uneven: Question, maps: Tensor) -> None:
    plain, large = (scored("perturbation_curves", uneven, factor * maps) for factor in (1, 100))
    assert all(plain[name].equal(large[name]) for name in plain)


def test_xai_bench_overwrites_the_baseline(scored: Scored, uneven: Question, maps: Tensor) -> None:
    before = uneven.batch.baseline.clone(), uneven.batch.x.clone(), maps.clone()
    scored("perturbation_curves", uneven, maps)
    assert all(a.equal(b) for a, b in zip(before, (uneven.batch.baseline, uneven.batch.x, maps), strict=True))


def test_xplique_breaks_ties_by_place(scored: Scored, uneven: Question) -> None:
    """A constant map removes no corner first: over many samples each of the seven units comes first equally often."""
    batch = uneven.batch
    many = [replace(batch[0:1], ids=(f"many-{i}",)) for i in range(350)]
    first = torch.zeros(7)
    areas = [1, 2, 3, 4, 4, 6, 10]
    for one in many:
        fraction = scored("perturbation_curves", replace(uneven, batch=one), torch.ones(1, 30))["fraction"][0, 1]
        first[areas.index(round(fraction.item() * 30))] += 1
    expected = torch.tensor([50.0, 50.0, 50.0, 100.0, 0.0, 50.0, 50.0])
    assert ((first - expected).abs() <= 4 * expected.sqrt()).all(), "two units have 4 elements and count together"


def test_7_pointing_game_crashes_with_its_setting(scored: Scored, uneven: Question, maps: Tensor) -> None:
    exact, near = (scored("pointing_game", uneven, maps, tolerance=t)["pointing_game"] for t in (0, 2))
    assert exact.isfinite().all()
    assert (near >= exact).all()
    assert (near > exact).any()


@pytest.mark.parametrize("name", ["localisation_auc", "auprc", "top_k_intersection", "pointing_game", "relevance_rank"])
def test_8_localisation_depends_on_the_batch_size(scored: Scored, uneven: Question, maps: Tensor, name: str) -> None:
    expected = scored(name, uneven, maps)[name]
    for size in (1, 2, 3, 4, 8):
        assert scored(name, uneven.sized(size), maps)[name].equal(expected)


def test_9_effective_complexity_next_to_a_loud_batch_mate(scored: Scored, uneven: Question, maps: Tensor) -> None:
    """Quantus counts 232 pixels alone, and none next to a map a thousand times as large."""
    loud = maps.clone()
    loud[0] *= 1e3
    together = scored("effective_complexity", uneven, loud)["effective_complexity"]
    alone = scored("effective_complexity", uneven.picked([5]), maps[[5]])["effective_complexity"]
    assert together[5] == alone.item() > 0.5


def test_quantus_top_k_depends_on_the_resolution() -> None:
    """A k of 1000 is a fiftieth of 224 x 224 pixels and all of 32 x 32: every map has the same score there."""
    source = torch.Generator().manual_seed(53)
    coarse = torch.randn(5, 1, 8, 8, generator=source, dtype=torch.float64)
    truth = torch.rand(5, 1, 8, 8, generator=source) < 0.3
    part, found = metrics["top_k_intersection"].function, []
    for factor in (1, 2, 4):
        fine, mask = (each.repeat_interleave(factor, 2).repeat_interleave(factor, 3) for each in (coarse, truth))
        found.append(part(fine.flatten(1), mask.flatten(1), ~mask.flatten(1), share=0.125))
    assert found[0].unique().numel() > 1
    assert found[1].equal(found[0])
    assert found[2].equal(found[0])


@pytest.mark.parametrize("name", ["entropy", "sparseness", "effective_complexity"])
def test_complexity_grows_with_the_resolution(name: str) -> None:
    """With four pixels for each one, Quantus' entropy is log 4 larger, and its effective complexity four times."""
    coarse = torch.randn(5, 64, generator=torch.Generator().manual_seed(54), dtype=torch.float64)
    coarse[4] = 3.0
    once, four = (metrics[name].function(each) for each in (coarse, coarse.repeat(1, 4)))
    if name == "entropy":
        # What a map lacks to the entropy of a constant one is the same; only its share of that changes.
        once, four = (1 - once) * log(64), (1 - four) * log(256)
    torch.testing.assert_close(four, once, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_openxai_k_as_an_integer_is_none(scored: Scored, uneven: Question, maps: Tensor, k: int) -> None:
    """Any positive integer gives what a sorted list of that length does."""
    truth = uneven.batch.truth
    assert truth is not None
    assert truth.effect is not None
    found = scored("part_agreement", uneven, maps, k=k)["feature_agreement"]
    relevance = per_unit(maps, truth.parts)
    for i in range(8):
        first, true = ({*each[i].abs().argsort(descending=True)[:k].tolist()} for each in (relevance, truth.effect))
        assert found[i].item() == len(first & true) / k
