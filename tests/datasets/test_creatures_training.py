"""The training batches and the recipe."""

from math import cos, pi

import pytest
import torch

from heatproof.datasets.creatures import (
    CLASSES,
    CODE,
    PARTS,
    UNITS,
    VARIANTS,
    creature_batch,
    render,
    sample_scenes,
    training_keep,
)
from heatproof.models._torchvision import timm
from heatproof.models.creatures import CLASSES as NETWORK_CLASSES
from heatproof.models.creatures import UNTRAINED
from heatproof.models.training import Recipe, train

SEED = 4


def test_the_networks_have_as_many_outputs_as_there_are_classes():
    assert NETWORK_CLASSES == CLASSES


def test_batches_are_the_scenes_of_their_place_with_their_removals():
    x, target, parts = creature_batch(3, 16, SEED)
    scenes, keep = sample_scenes(16, SEED, first=48), training_keep(16, SEED, first=48)
    assert torch.equal(x, render(scenes, keep)[0])
    assert torch.equal(keep, training_keep(64, SEED)[48:])
    for i in range(16):
        shown = [int(scenes.variants[i, p]) if keep[i, p] else VARIANTS for p in range(len(PARTS))]
        assert parts[i].argmax(1).tolist() == shown
        possible = [all(s in (VARIANTS, v) for s, v in zip(shown, word, strict=True)) for word in CODE.tolist()]
        assert target[i].tolist() == pytest.approx([p / sum(possible) for p in possible])
    assert torch.equal(parts.sum(2), torch.ones(16, len(PARTS)))


def test_removals_have_the_stated_frequencies():
    keep = training_keep(20_000, SEED)
    lost = (~keep[:, : len(PARTS)]).sum(1)
    expected = [0.5, *[0.1] * 5]
    assert (lost.bincount(minlength=6) / 20_000).tolist() == pytest.approx(expected, abs=0.015)
    shares = (~keep).float().mean(0).tolist()
    assert shares == pytest.approx([0.3] * 5 + [0.25] * 4 + [0.2], abs=0.02)
    assert keep.shape == (20_000, len(UNITS))


def test_the_learning_rate_rises_then_falls_along_half_a_cosine():
    recipe = Recipe(steps=1000, size=1, lr=1.0, warmup=10)
    assert recipe.rate(0) == pytest.approx(0.1)
    assert recipe.rate(500) == pytest.approx(0.5)
    assert recipe.rate(800) == pytest.approx((1 + cos(0.8 * pi)) / 2)


def short_run(seed):
    torch.manual_seed(7)
    network = timm.create_model("resnet10t", num_classes=CLASSES, stem_width=4, channels=(4, 4, 4, 4))
    values = []
    recipe = Recipe(steps=4, size=4, lr=1e-2, warmup=2, seed=seed)
    trained = train(network, creature_batch, recipe, lambda step, steps, loss: values.append((step, steps, loss)))
    return trained, values


def test_training_is_a_function_of_the_seed():
    (one, values), (two, again), (other, _) = short_run(0), short_run(0), short_run(1)
    states = [list(network.state_dict().values()) for network in (one, two, other)]
    assert all(torch.equal(a, b) for a, b in zip(states[0], states[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(states[0], states[2], strict=True))
    assert values == again
    assert [(step, steps) for step, steps, _ in values] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert not one.training


def test_training_leaves_the_global_random_state_alone():
    torch.manual_seed(7)
    network = timm.create_model("resnet10t", num_classes=CLASSES, stem_width=4, channels=(4, 4, 4, 4))
    before = torch.get_rng_state()
    train(network, creature_batch, Recipe(steps=1, size=2, lr=1e-3))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", sorted(UNTRAINED))
def test_architectures_are_timm_networks_of_a_small_size(name):
    network = UNTRAINED[name]()
    assert type(network).__module__.startswith("timm.")
    assert len(network.feature_info) >= 3
    assert 250_000 < sum(p.numel() for p in network.parameters()) < 750_000
    assert network.eval()(torch.rand(2, 3, 64, 64)).shape == (2, CLASSES)
