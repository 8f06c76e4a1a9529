"""The renderer: bit-identical pictures, labels by bookkeeping, removals that touch nothing else."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import max_pool2d

from heatproof.datasets.creatures import BODY, CODE, PARTS, SIZE, UNITS, VARIANTS, render, sample_scenes
from heatproof.datasets.creatures.render import CHUNK, layers

SCENES = sample_scenes(80, seed=11)


def without(scenes, unit):
    keep = scenes.present.clone()
    keep[:, unit] = False
    return keep


def covered(scenes, unit, threshold=0.0):
    """Where the unit itself reaches, seen or hidden, from the renderer's own layers."""
    for layer in layers(scenes, scenes.present):
        if layer.unit == unit:
            reach = layer.coverage > threshold
            if layer.pixels is not None:
                whole = torch.zeros(len(scenes), SIZE * SIZE, dtype=torch.bool)
                reach = whole.scatter(1, layer.pixels, reach)
            return reach.reshape(-1, SIZE, SIZE)
    raise AssertionError(unit)


def test_pictures_are_bit_identical_whatever_they_are_drawn_with():
    images, owners = render(SCENES)
    again, _ = render(SCENES, torch.ones(80, len(UNITS), dtype=torch.bool))
    assert torch.equal(images, again)
    order = torch.randperm(80, generator=torch.Generator().manual_seed(0))
    shuffled, shuffled_owners = render(SCENES[order])
    assert torch.equal(shuffled, images[order])
    assert torch.equal(shuffled_owners, owners[order])
    for i in (0, CHUNK - 1, CHUNK, 79):
        alone, _ = render(SCENES[[i]])
        assert torch.equal(alone[0], images[i])


def test_pictures_are_finite_and_within_range():
    images, owners = render(SCENES)
    assert images.shape == (80, 3, SIZE, SIZE)
    assert images.dtype == torch.float32
    assert owners.dtype == torch.int64
    assert 0 <= images.min() < images.max() <= 1


def test_every_unit_owns_pixels_and_only_if_it_is_there():
    _, owners = render(SCENES)
    area = torch.stack([(owners == unit).sum((1, 2)) for unit in range(len(UNITS) + 1)], 1)
    assert torch.equal(area.sum(1), torch.full((80,), SIZE * SIZE))
    least = torch.tensor([80, 45, 70, 120, 45])
    assert (area[:, : len(PARTS)] >= least).all()
    assert (area[:, BODY] > 100).all()
    distractors = area[:, len(PARTS) : -2]
    assert (distractors[~SCENES.distractor_present] == 0).all()
    assert (distractors[SCENES.distractor_present] > 0).float().mean() > 0.95


@pytest.mark.parametrize("unit", range(len(UNITS) - 1))
def test_removing_a_unit_changes_only_what_it_covers(unit):
    images, owners = render(SCENES)
    removed, owners_removed = render(SCENES, without(SCENES, unit))
    changed = (images != removed).any(1)
    assert not (changed & ~covered(SCENES, unit)).any()
    assert not (owners_removed == unit).any()
    owned = owners == unit
    assert torch.equal(owners[~owned], owners_removed[~owned])
    assert changed[owned].float().mean() > 0.97


@pytest.mark.parametrize("unit", range(len(UNITS) - 1))
def test_a_unit_s_anti_aliased_border_is_one_pixel_wide_but_for_sharp_corners(unit):
    owned, border = covered(SCENES, unit, threshold=0.4999), covered(SCENES, unit)
    near = max_pool2d(owned.float()[:, None], 3, 1, 1)[:, 0] > 0
    assert (border & ~near).sum() < 0.02 * owned.sum()


def test_without_the_background_all_else_stays_and_the_rest_is_grey():
    images, owners = render(SCENES)
    removed, owners_removed = render(SCENES, without(SCENES, len(UNITS) - 1))
    assert torch.equal(owners, owners_removed)
    empty = torch.ones(80, SIZE, SIZE, dtype=torch.bool)
    solid = torch.zeros_like(empty)
    for unit in {*range(len(UNITS) - 1), BODY}:
        empty &= ~covered(SCENES, unit)
        solid |= covered(SCENES, unit, threshold=0.999999)
    assert (removed.movedim(1, -1)[empty] == 0.5).all()
    assert torch.equal(removed.movedim(1, -1)[solid], images.movedim(1, -1)[solid])


def test_the_body_stays_when_everything_goes():
    nothing = torch.zeros(80, len(UNITS), dtype=torch.bool)
    _, owners = render(SCENES, nothing)
    assert set(owners.unique().tolist()) == {BODY, UNITS.index("background")}


def test_flipping_the_creature_mirrors_it():
    upright = torch.tensor([1.0, 0.0]).expand(80, 2)
    centred = torch.zeros(80, 2)
    scenes = replace(SCENES, turn=upright, position=centred, distractor_present=torch.zeros(80, 4, dtype=torch.bool))
    _, owners = render(scenes)
    _, mirrored = render(replace(scenes, flip=-scenes.flip))
    assert torch.equal(owners.flip(2), mirrored)


@pytest.mark.parametrize("part", PARTS)
def test_the_variants_of_a_part_have_different_shapes(part):
    """At the same pose, two variants share less than three quarters of the pixels that either covers."""
    place = PARTS.index(part)
    reach = []
    for variant in range(VARIANTS):
        variants = CODE[SCENES.label].clone()
        variants[:, place] = variant
        reach.append(covered(replace(SCENES, variants=variants), place, threshold=0.5))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        overlap = (reach[a] & reach[b]).sum() / (reach[a] | reach[b]).sum()
        assert overlap < 0.75


def test_about_a_third_of_the_distractors_touch_the_creature():
    scenes = sample_scenes(400, seed=12)
    _, owners = render(scenes)
    creature = (owners < len(PARTS)) | (owners == BODY)
    near = max_pool2d(creature.float()[:, None], 3, 1, 1)[:, 0] > 0
    touching = [((owners == unit) & near).any(2).any(1) for unit in range(len(PARTS), len(UNITS) - 1)]
    share = torch.stack(touching, 1)[scenes.distractor_present].float().mean()
    assert 0.25 < share < 0.4


def test_a_wrong_keep_is_refused():
    with pytest.raises(ValueError, match=r"keep has shape \(80, 5\), expected \(80, 10\)"):
        render(SCENES, torch.ones(80, 5, dtype=torch.bool))
