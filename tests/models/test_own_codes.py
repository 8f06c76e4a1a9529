"""Networks with a code of their own, and pairs of them: how they are made."""

from dataclasses import replace
from math import exp, log
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from heatproof.datasets.own_codes import training as data
from heatproof.datasets.own_codes.codes import CLASSES
from heatproof.models import own_codes, weights
from heatproof.models.creatures import resnet
from heatproof.models.own_code_pairs import PAIRS, Pair, log_odds
from heatproof.models.own_codes import OWN_CODES, loaded, shortcomings, train_own_code, untrained

GOOD = {
    "accuracy_clear": 0.96,
    "accuracy_evidence_only_clear": 0.98,
    "accuracy_evidence_removed": 1 / 6 + 0.03,
    "chance": 1 / 6,
    "posterior_error": 0.025,
}
BAD = {
    "accuracy_clear": 0.959,
    "accuracy_evidence_only_clear": 0.979,
    "accuracy_evidence_removed": 0.2,
    "posterior_error": 0.026,
}


def test_the_gate_names_every_limit_that_is_not_kept() -> None:
    assert shortcomings(GOOD) == []
    for name, value in BAD.items():
        (found,) = shortcomings({**GOOD, name: value})
        assert found.startswith(f"{name} is {value:.3f}, ")
    assert len(shortcomings({**GOOD, **BAD})) == 4


def test_an_untrained_network_is_a_function_of_its_number() -> None:
    before = torch.get_rng_state()
    one, again, other = (untrained(f"own_code_resnet_{number}") for number in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one.fc.weight, again.fc.weight)
    assert not torch.equal(one.fc.weight, other.fc.weight)
    assert one.fc.weight.shape == (CLASSES, resnet().fc.weight.shape[1])


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Trainings of two steps and small exams, whose weights go to a folder of their own."""
    kinds = {name: replace(kind, steps=2, size=4) for name, kind in own_codes.KINDS.items()}
    monkeypatch.setattr(own_codes, "KINDS", kinds)
    monkeypatch.setattr(data, "EXAM", 8)
    monkeypatch.setattr(data, "FEW", 2)
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    return tmp_path


def test_a_network_that_fails_its_gate_is_not_written(short: Path) -> None:
    with pytest.raises(ValueError, match=r"own_code_vit_1 fails its gate: .*posterior_error is 0\.\d+, at most 0\.025"):
        train_own_code("own_code_vit_1", lambda line: None)
    assert list(short.iterdir()) == []


def test_training_writes_weights_and_a_card_that_tells_no_code(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_codes, "shortcomings", lambda card: [])
    said: list[str] = []
    card = train_own_code("own_code_vit_1", said.append)
    assert said == ["drew a code unlike those of 0 networks"]
    assert set(card) == {
        *("accuracy", "accuracy_clear", "accuracy_evidence_only", "accuracy_evidence_only_clear"),
        *("accuracy_evidence_removed", "chance", "posterior_error"),
        *("code", "minutes", "parameters", "recipe", "sha256"),
    }
    assert card["recipe"]["seed"] == 1
    assert loaded("own_code_vit_1").head.weight.shape[0] == CLASSES


def test_the_others_are_asked_before_a_code_is_accepted(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_codes, "shortcomings", lambda card: [])
    said: list[str] = []
    for number in (1, 2, 1):
        train_own_code(f"own_code_vit_{number}", said.append)
    assert said == [f"drew a code unlike those of {others} networks" for others in (0, 1, 1)]


def test_two_trainings_make_two_networks_of_one_kind(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_codes, "shortcomings", lambda card: [])
    one, other = (train_own_code("own_code_vit_1", lambda line: None) for _ in range(2))
    assert one["recipe"] == other["recipe"]
    assert one["sha256"] != other["sha256"]


def fixed(*logits: float) -> nn.Module:
    """A network that says the same of every picture."""

    class Fixed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.tensor(logits).expand(len(x), -1)

    return Fixed()


def test_a_pair_gives_the_log_odds_of_both() -> None:
    one, other = [0.5, -1.0, 2.0], [0.0, 3.0, 30.0]
    found = Pair(fixed(*one), fixed(*other))(torch.zeros(2, 3, 4, 4))
    expected = [z - log(sum(exp(v) for v in zs) - exp(z)) for zs in (one, other) for z in zs]
    assert found.tolist() == [pytest.approx(expected)] * 2


def test_log_odds_have_the_gradient_of_their_definition() -> None:
    logits = torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    slow = torch.stack([logits[:, k] - logits[:, [j for j in range(6) if j != k]].logsumexp(1) for k in range(6)], 1)
    torch.testing.assert_close(log_odds(logits), slow)
    (a,), (b,) = (torch.autograd.grad(values[:, 2].sum(), logits) for values in (log_odds(logits), slow))
    torch.testing.assert_close(a, b)


def test_each_network_is_once_the_first_and_once_the_second_of_a_pair() -> None:
    firsts, seconds = zip(*PAIRS.values(), strict=True)
    assert sorted(firsts) == sorted(seconds) == sorted(OWN_CODES)
    assert all(one != other and one[:-1] == other[:-1] for one, other in PAIRS.values())
