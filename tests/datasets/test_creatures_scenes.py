"""Scene sampling: what a scene depends on, and what is independent of what."""

from dataclasses import fields, replace

import pytest
import torch
from scipy.stats import chi2_contingency, f_oneway

from heatproof.datasets._draws import DRAWS, Draws
from heatproof.datasets.creatures import CLASSES, CODE, sample_scenes
from heatproof.datasets.creatures.scenes import Scenes


def same(a, b):
    return all(torch.equal(getattr(a, field.name), getattr(b, field.name)) for field in fields(Scenes))


def test_a_scene_depends_on_seed_and_place_alone():
    scenes = sample_scenes(50, seed=3)
    assert same(sample_scenes(7, seed=3), scenes[:7])
    assert same(sample_scenes(20, seed=3, first=30), scenes[30:])
    assert not torch.equal(sample_scenes(50, seed=4).position, scenes.position)


def test_the_draws_fit_what_is_reserved():
    draws = Draws(1, 0, 0)
    assert draws.uniform(DRAWS).shape == (1, DRAWS)
    scenes = sample_scenes(2, seed=0)
    assert all(len(getattr(scenes, field.name)) == 2 for field in fields(Scenes))
    columns = torch.from_numpy(Draws(400, 0, 0).values)
    assert len(columns.unique()) == 400 * DRAWS


def test_streams_of_one_seed_differ():
    assert (Draws(5, 0, 0).values != Draws(5, 0, 0, stream=1).values).all()


def test_an_impossible_seed_is_refused():
    with pytest.raises(ValueError, match="seed is -1"):
        sample_scenes(1, seed=-1)


def test_scenes_are_indexed_by_slice_list_and_tensor():
    scenes = sample_scenes(6, seed=0)
    assert same(scenes[[4, 1]], scenes[torch.tensor([4, 1])])
    assert len(scenes[2:]) == 4


def test_the_variants_are_the_label_s_word():
    scenes = sample_scenes(200, seed=1)
    assert torch.equal(scenes.variants, CODE[scenes.label])


def test_turns_are_rotations_within_twenty_degrees():
    turn = sample_scenes(2000, seed=2).turn
    degrees = torch.atan2(turn[:, 1], turn[:, 0]).rad2deg()
    assert torch.allclose(turn.norm(dim=1), torch.ones(2000))
    assert 19 < degrees.abs().max() <= 20.0001


def test_labels_are_uniform_and_distractors_and_background_say_nothing_about_them():
    scenes = sample_scenes(20_000, seed=5)
    counts = scenes.label.bincount(minlength=CLASSES)
    assert ((counts - 2000).abs() < 5 * 2000**0.5).all()
    for kinds in (scenes.distractor_kind[:, 0], scenes.distractor_present.sum(1) - 1, scenes.flip.long().clamp(min=0)):
        table = torch.zeros(CLASSES, int(kinds.max()) + 1)
        table.index_put_((scenes.label, kinds), torch.ones(len(scenes)), accumulate=True)
        assert chi2_contingency(table.numpy()).pvalue > 1e-4
    for values in (
        scenes.distractor_position[:, 0, 0],
        scenes.distractor_size[:, 1],
        scenes.background_colors[:, 0, 0],
    ):
        assert f_oneway(*(values[scenes.label == label].numpy() for label in range(CLASSES))).pvalue > 1e-4


def test_the_class_does_not_enter_the_distractors(monkeypatch):
    scenes = sample_scenes(30, seed=6)
    monkeypatch.setattr("heatproof.datasets.creatures.scenes.CLASSES", 1)
    relabelled = sample_scenes(30, seed=6)
    assert (relabelled.label == 0).all()
    assert same(replace(relabelled, label=scenes.label, variants=scenes.variants), scenes)
