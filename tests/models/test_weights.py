import hashlib
import json

import pytest
import torch
from torch import nn

from heatproof.models import weights
from heatproof.models.weights import card_of, digest_of, load_weights, save_weights


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path / "weights")
    return tmp_path / "weights"


def layer(seed, width=3):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Linear(width, 2)


def test_what_was_saved_is_loaded_to_the_bit_and_the_card_tells_its_hash(folder):
    saved, other = layer(0), layer(1)
    card = save_weights(saved, "small", {"accuracy": 0.5})
    assert load_weights(other, "small") is other
    assert all(torch.equal(a, b) for a, b in zip(saved.parameters(), other.parameters(), strict=True))
    assert card["sha256"] == hashlib.sha256((folder / "small.safetensors").read_bytes()).hexdigest()
    assert digest_of("small") == card["sha256"]
    assert card_of("small") == json.loads((folder / "small.json").read_text()) == card


def test_saving_twice_writes_the_same_bytes(folder):
    assert save_weights(layer(0), "a", {})["sha256"] == save_weights(layer(0), "b", {})["sha256"]


def test_without_a_card_the_digest_is_empty(folder):
    assert digest_of("nothing") == ""


def test_a_missing_file_names_itself_and_the_command(folder):
    with pytest.raises(ValueError, match=r"gone\.safetensors cannot be read.*`heatproof train gone`"):
        load_weights(layer(0), "gone")


def test_a_changed_file_is_refused_with_both_hashes(folder):
    card = save_weights(layer(0), "small", {})
    file = folder / "small.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    found = hashlib.sha256(content).hexdigest()
    with pytest.raises(ValueError, match=f"has SHA-256 {found}; expected {card['sha256']}: .*heatproof train small"):
        load_weights(layer(0), "small")


def test_a_file_without_its_card_is_refused(folder):
    save_weights(layer(0), "small", {})
    (folder / "small.json").unlink()
    with pytest.raises(ValueError, match=r"expected one in small\.json"):
        load_weights(layer(0), "small")


def test_a_truncated_file_is_refused_even_when_its_card_agrees(folder):
    save_weights(layer(0), "small", {})
    file = folder / "small.safetensors"
    file.write_bytes(file.read_bytes()[:-4])
    (folder / "small.json").write_text(json.dumps({"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}))
    with pytest.raises(ValueError, match="does not fit Linear"):
        load_weights(layer(0), "small")


def test_another_shape_is_refused_in_one_line(folder):
    save_weights(layer(0), "small", {})
    with pytest.raises(ValueError, match=r"does not fit Linear.*size mismatch") as caught:
        load_weights(layer(0, width=4), "small")
    assert "\n" not in str(caught.value)
