"""The committed network that counts faces, and the recipe that it was trained by."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from heatproof.benchmark import Gate, GlassBox, models
from heatproof.datasets.faces import accuracies, face_accuracies, face_batch, sample_mosaics
from heatproof.datasets.faces import training as mosaics_exam
from heatproof.models import faces, training, weights
from heatproof.models.faces import NAME, RECIPE, faces_resnet, resnet, train_faces
from heatproof.models.training import Recipe, train
from heatproof.models.weights import card_of, digest_of

CARD = card_of(NAME)


def test_the_card_tells_size_recipe_and_a_passed_gate() -> None:
    module = faces_resnet().module
    assert module is not None
    assert CARD["parameters"] == sum(parameter.numel() for parameter in module.parameters())
    assert CARD["recipe"] == asdict(RECIPE)
    assert CARD["chance"] == 0.25
    assert models[NAME].objection == ""
    assert models[NAME].card["sha256"] == digest_of(NAME) != ""
    assert (weights.FOLDER / f"{NAME}.safetensors").stat().st_size < 1_000_000


def test_figures_of_the_card_are_found_again_on_other_mosaics_of_the_same_pictures() -> None:
    network = faces_resnet().module
    assert network is not None
    found = accuracies(network, sample_mosaics(400, "test", seed=987_654))
    for name, value in found.items():
        error = max(0.01, 4 * (value * (1 - value) / 400) ** 0.5)
        assert float(str(CARD[name])) == pytest.approx(value, abs=error), name


@pytest.mark.slow
def test_figures_of_the_card_are_those_of_its_exam() -> None:
    network = faces_resnet().module
    assert network is not None
    found = face_accuracies(network)
    assert {name: CARD[name] for name in found} == pytest.approx(found, abs=0.002)


def test_the_network_has_layers_and_repeats_itself() -> None:
    gate = Gate(faces_resnet())
    x = face_batch(0, 3, 1)[0]
    assert gate.capability is GlassBox
    activation, _ = gate.tap(x, torch.zeros(3, dtype=torch.int64))
    assert activation.shape[2:] == (7, 7)
    assert torch.equal(gate.logits(x), gate.logits(x))


def trained(steps: int) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = resnet()
    return train(network, face_batch, Recipe(steps=steps, size=4, lr=1e-3, warmup=2, average=0.5)).state_dict()


def test_training_twice_gives_the_same_bits() -> None:
    one, other = trained(3), trained(3)
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_the_recipe_writes_weights_and_the_card_that_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    monkeypatch.setattr(mosaics_exam, "EXAM", 50)
    monkeypatch.setattr(faces, "RECIPE", Recipe(steps=100, size=1, lr=1e-3, warmup=2))
    monkeypatch.setattr(training, "train", lambda network, batches, recipe, tell: (tell(100, 100, 0.5), network)[1])
    told: list[str] = []
    state = torch.get_rng_state()
    card = train_faces(told.append)
    assert torch.equal(torch.get_rng_state(), state)
    assert told == ["step 100 of 100: loss 0.500"]
    assert card["recipe"] == asdict(faces.RECIPE)
    assert card == card_of(NAME)
    faces_resnet()
