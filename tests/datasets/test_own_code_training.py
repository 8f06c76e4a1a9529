"""Free scenes, the batches of a code, and what the gate asks, in closed form and by plain loops."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy.stats import chi2_contingency, chisquare
from torch import Tensor

from heatproof.datasets.creatures import PARTS, VARIANTS, render, sample_scenes, training_keep
from heatproof.datasets.creatures.scenes import Scenes
from heatproof.datasets.own_codes import (
    draw_code,
    draw_codes,
    free_scenes,
    game_of,
    own_code_agreement,
    own_code_batch,
    training,
    truth_of,
)
from heatproof.datasets.own_codes.codes import CLASSES, acceptable
from heatproof.datasets.own_codes.scenes import combination

SEED = 4


@pytest.fixture(scope="module")
def code() -> Tensor:
    return draw_code(np.random.default_rng(8))


def test_free_scenes_are_creatures_without_a_class() -> None:
    free, creatures = free_scenes(20, SEED, first=3), sample_scenes(20, SEED, first=3)
    assert (free.label == -1).all()
    other = {field.name for field in fields(Scenes)} - {"label", "variants"}
    assert all(torch.equal(getattr(free, name), getattr(creatures, name)) for name in other)


def test_a_free_scene_depends_on_seed_and_place_alone() -> None:
    whole = free_scenes(50, SEED)
    assert torch.equal(free_scenes(20, SEED, first=30).variants, whole.variants[30:])
    assert not torch.equal(free_scenes(50, SEED + 1).variants, whole.variants)


def test_all_variants_are_equally_likely_and_independent_of_each_other_and_of_the_rest() -> None:
    scenes = free_scenes(20_000, SEED)
    counts = combination(scenes.variants).bincount(minlength=243)
    assert chisquare(counts.numpy()).pvalue > 1e-4
    for others in (scenes.distractor_kind[:, 0], scenes.flip.long().clamp(min=0), sample_scenes(20_000, SEED).label):
        for part in range(len(PARTS)):
            table = torch.zeros(VARIANTS, int(others.max()) + 1)
            table.index_put_((scenes.variants[:, part], others), torch.ones(len(scenes)), accumulate=True)
            assert chi2_contingency(table.numpy()).pvalue > 1e-4


def test_batches_are_the_scenes_of_their_place_with_the_posterior_of_what_is_left(code: Tensor) -> None:
    x, target, parts = own_code_batch(3, 16, SEED, game=game_of(code))
    scenes, keep = free_scenes(16, SEED, first=48), training_keep(16, SEED, first=48)
    assert torch.equal(x, render(scenes, keep)[0])
    table = code.unflatten(0, (VARIANTS,) * len(PARTS))
    for i in range(16):
        seen = keep[i, : len(PARTS)].tolist()
        shown = [int(v) if kept else VARIANTS for v, kept in zip(scenes.variants[i], seen, strict=True)]
        assert parts[i].argmax(1).tolist() == shown
        where = tuple(slice(None) if v == VARIANTS else slice(v, v + 1) for v in shown)
        assert target[i].tolist() == pytest.approx(table[where].flatten(0, -2).mean(0).tolist(), abs=1e-6)


def test_the_gate_of_a_network_that_says_one_class_in_closed_form(
    code: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Always the first class, by 2 to 1 for each other: right as often as it is the likeliest, and as far off."""
    monkeypatch.setattr(training, "EXAM", 60)
    monkeypatch.setattr(training, "FEW", 5)
    game = game_of(code)
    logits = torch.tensor([2.0, *[1.0] * (CLASSES - 1)]).log()
    found = own_code_agreement(lambda x: logits.expand(len(x), -1), game)
    rows = combination(free_scenes(60, training.EXAM_SEED).variants)
    said = code[rows]
    right = (said.argmax(1) == 0).double()
    ordered = said.sort(1).values
    clear = ordered[:, -1] - ordered[:, -2] > 0.1
    share, of_clear = float(right.mean()), float(right[clear].mean())
    error = (game[rows[:5]] - torch.tensor([2.0, *[1.0] * (CLASSES - 1)]) / (CLASSES + 1)).abs().mean()
    assert found == pytest.approx(
        {
            "accuracy": share,
            "accuracy_clear": of_clear,
            "accuracy_evidence_only": share,
            "accuracy_evidence_only_clear": of_clear,
            "accuracy_evidence_removed": share,
            "chance": 1 / CLASSES,
            "posterior_error": float(error),
        }
    )


def test_the_gate_shows_the_evidence_alone_and_everything_but_the_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of the background's grey: sure of class 0 where it is gone, of class 1 where it is there."""
    monkeypatch.setattr(training, "EXAM", 60)
    monkeypatch.setattr(training, "FEW", 2)

    def grey(x: Tensor) -> Tensor:
        gone = (x == 0.5).all(1).flatten(1).float().mean(1) > 0.1
        return torch.nn.functional.one_hot((~gone).long(), CLASSES).float()

    code = draw_code(np.random.default_rng(8))
    said = code[combination(free_scenes(60, training.EXAM_SEED).variants)].argmax(1)
    found = own_code_agreement(grey, game_of(code))
    zeros, ones = (float((said == k).double().mean()) for k in (0, 1))
    assert zeros != ones
    assert (found["accuracy"], found["accuracy_evidence_only"], found["accuracy_evidence_removed"]) == (
        ones,
        zeros,
        ones,
    )


def test_a_new_code_is_unlike_those_of_networks_that_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that says what its code says is known by what it says: its own code is not accepted beside it."""
    mine, other = draw_codes(2, np.random.default_rng(9))

    def says(game: Tensor, scenes: Scenes) -> Tensor:
        return game[combination(scenes.variants)].log()

    monkeypatch.setattr(training, "coalition_logits", says)
    rows, truth = known = training.asked_truth(game_of(mine))  # type: ignore[arg-type]
    torch.testing.assert_close(truth, truth_of(mine)[rows])
    assert not acceptable(mine, [known])
    assert acceptable(other, [known])


def test_a_drawn_code_cannot_be_drawn_again() -> None:
    state = np.random.get_state()[1].copy()
    one, other = training.draw_own_code([]), training.draw_own_code([])
    assert one.shape == (243, 32, CLASSES)
    assert not torch.equal(one, other)
    assert (np.random.get_state()[1] == state).all()
