"""Evidential heads: what they are asked through, and whose they are."""

from dataclasses import replace
from math import exp

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Game, Gate, Model, Network, Refused, models
from heatproof.benchmark.capabilities import BlackBox, View
from heatproof.benchmark.checks._questions import Question, ask, seeded
from heatproof.benchmark.evidence import certainty, head_of
from heatproof.benchmark.network import Evidential

HEAD = nn.Linear(4, 3)


def question() -> Question:
    module = seeded(lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)))
    x = torch.rand(2, 5, generator=torch.Generator().manual_seed(1))
    asked = ask(module, x)
    return replace(asked, gate=Gate(replace(asked.gate.network, evidential=Evidential(module, HEAD))))


def test_certainty_is_what_is_left_of_the_uncertainty() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0], [-1e4, 2.0, -3.0], [50.0, 10.0, -50.0]])
    expected = [1 - 3 / 6, 1 - 3 / (3 + exp(-10) + exp(2) + exp(-3)), 1 - 3 / (3 + 2 * exp(10) + exp(-10))]
    assert certainty(logits).tolist() == pytest.approx(expected, abs=1e-12)
    assert certainty(torch.full((1, 10), -20.0)).item() == pytest.approx(0, abs=1e-4)


def test_a_head_answers_in_double_precision_whatever_the_batch() -> None:
    features = torch.rand(3, 6, 4, generator=torch.Generator().manual_seed(2))
    head = Evidential(nn.Identity(), HEAD)
    found = head(features)
    weight, bias = HEAD.weight.detach().double(), HEAD.bias.tolist()
    for n, m in ((n, m) for n in range(3) for m in range(6)):
        by_hand = [float(row @ features[n, m].double() + b) for row, b in zip(weight, bias, strict=True)]
        assert found[n, m].tolist() == pytest.approx(by_hand, abs=1e-14)
    assert head(features[1:2, 2:3]).dtype == torch.float64
    assert not found.requires_grad
    assert HEAD.weight.dtype == torch.float32
    assert HEAD.weight.requires_grad


def test_a_game_knows_its_network_s_head_behind_any_view() -> None:
    asked = question()
    for gate in (asked.gate, View(asked.gate, BlackBox)):  # type: ignore[arg-type]
        assert head_of(Game(gate, asked.batch)) is asked.gate.network.evidential  # type: ignore[arg-type]


def turned(network: Network) -> Network:
    """Return the same module, seen through other preprocessing."""
    return replace(network, preprocess=lambda x: -x)


def test_a_head_stays_with_its_own_module_and_with_no_other() -> None:
    asked = question()
    assert head_of(Game(asked.gate.changed(turned), asked.batch)) is asked.gate.network.evidential
    others = (
        asked.gate.randomized(0),
        asked.gate.randomized(0, ["2.weight"]),
        asked.gate.changed(lambda network: replace(network, module=seeded(lambda: nn.Linear(5, 3)))),
        asked.gate.changed(lambda network: network.rest("0", torch.zeros(1, 5), False)),
        Gate(Network(predict=lambda x: x.softmax(1))),
    )
    for gate in others:
        with pytest.raises(Refused, match="the model has no evidential head: choose evidence=entropy, or train one"):
            head_of(Game(gate, asked.batch))
    assert asked.gate.randomized(0).network.evidential is None


def test_a_head_that_does_not_fit_is_told_in_one_line() -> None:
    features: Tensor = torch.zeros(1, 2, 7)
    with pytest.raises(ValueError, match=r"^the evidential head does not take the model's 7 features: .*$") as caught:
        Evidential(nn.Identity(), HEAD)(features)
    assert "\n" not in str(caught.value)


def test_the_version_of_a_model_changes_with_every_weight_that_it_holds() -> None:
    function = models["creatures_resnet"].function
    cards: list[tuple[dict[str, object], ...]] = [(), ({},), ({"sha256": "a"},), ({"sha256": "b"},)]
    cards.append(({"sha256": "a"}, {"sha256": "b"}))
    versions = [Model(function, card={"sha256": "own"}, beside=beside).version for beside in cards]
    assert len(set(versions)) == len(cards)
    same = Model(function, card={"sha256": "own"}, beside=({"sha256": "a", "accuracy": 1.0},))
    assert same.version == versions[2]
