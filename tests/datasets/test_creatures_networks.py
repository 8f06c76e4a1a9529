"""The committed networks: what they get right, and what their output rests on."""

from math import e

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import models
from heatproof.datasets.creatures import PARTS, Scenes, posterior, render, sample_scenes, training_keep
from heatproof.datasets.creatures.measure import (
    DISTRACTOR_UNITS,
    PART_UNITS,
    gate_accuracies,
    probabilities,
    removal_effects,
)
from heatproof.models.creatures import RECIPES, UNTRAINED
from heatproof.models.weights import card_of

NAMES = sorted(UNTRAINED)
FRESH = 987_654


def loaded(name: str) -> nn.Module:
    """The committed network behind a registered model."""
    network = models[name].function().module
    assert network is not None
    return network


def grey_reader(x: Tensor) -> Tensor:
    """Logits that are for class 0 where much of the picture is the grey of a removed background, else for class 1."""
    grey = (x == 0.5).all(1).flatten(1).float().mean(1) > 0.1
    return torch.nn.functional.one_hot((~grey).long(), 10).float()


def test_accuracies_and_effects_of_a_reader_of_the_background_in_closed_form() -> None:
    scenes = sample_scenes(40, seed=21)
    zeros, ones = (float((scenes.label == label).double().mean()) for label in (0, 1))
    assert gate_accuracies(grey_reader, scenes) == {
        "accuracy": ones,
        "accuracy_evidence_only": zeros,
        "accuracy_evidence_removed": ones,
    }
    effects = removal_effects(grey_reader, scenes)
    assert (effects[:, :-1] == 0).all()
    signs = (scenes.label == 1).float() - (scenes.label == 0).float()
    assert torch.allclose(effects[:, -1], signs * (e - 1) / (e + 9))


@pytest.mark.parametrize("name", NAMES)
def test_the_card_tells_size_recipe_and_a_passed_gate(name: str) -> None:
    card, network = card_of(name), loaded(name)
    assert card["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert card["recipe"] == {field: getattr(RECIPES[name], field) for field in RECIPES[name].__slots__}
    assert card["accuracy"] >= 0.97
    assert card["accuracy_evidence_only"] >= 0.90
    assert card["accuracy_evidence_removed"] <= 0.15


@pytest.fixture(scope="module")
def fresh() -> Scenes:
    return sample_scenes(500, FRESH)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_network_passes_the_gate_on_fresh_scenes(name: str, fresh: Scenes) -> None:
    found = gate_accuracies(loaded(name), fresh)
    assert found["accuracy"] >= 0.96
    assert found["accuracy_evidence_only"] >= 0.90
    assert found["accuracy_evidence_removed"] <= 0.15


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_network_s_probabilities_are_the_posterior(name: str, fresh: Scenes) -> None:
    keep = training_keep(len(fresh), FRESH)
    found = probabilities(loaded(name), fresh, keep)
    truth = posterior(fresh.variants, keep[:, PART_UNITS])
    assert (found - truth).abs().sum(1).mean() / 2 < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_removing_a_decisive_part_halves_the_probability_and_a_distractor_does_nothing(
    name: str, fresh: Scenes
) -> None:
    scenes = fresh[:200]
    effects = removal_effects(loaded(name), scenes)
    for part in range(len(PARTS)):
        visible = torch.arange(len(PARTS)) != part
        decisive = posterior(scenes.variants, visible.expand(len(scenes), -1)).amax(1) < 0.75
        assert float(effects[decisive, part].mean()) == pytest.approx(0.5, abs=0.06)
        assert float(effects[~decisive, part].abs().mean()) < 0.06
    assert effects[:, DISTRACTOR_UNITS].abs().mean() < 0.01
    assert effects[:, -1].abs().mean() < 0.02


def test_loaded_networks_are_in_evaluation_mode_and_deterministic(fresh: Scenes) -> None:
    images, _ = render(fresh[:3])
    for name in NAMES:
        network = loaded(name)
        assert not network.training
        assert torch.equal(network(images), network(images))
