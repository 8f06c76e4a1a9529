"""Features of the last linear layer, through a game."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Game, Gate, Network, Refused
from heatproof.benchmark.capabilities import BlackBox, View
from heatproof.benchmark.checks._questions import Question, ask, seeded
from heatproof.benchmark.features import features


class Twisted(nn.Module):
    """Its head is named before the layer that feeds it, and its logits are a tuple's first."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.body = nn.Linear(4, 3), nn.Linear(5, 4)
        self.fails = False

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        inner = self.body(x).tanh()
        if self.fails:
            raise ArithmeticError
        return self.head(inner), inner


def question(module: nn.Module | None = None) -> Question:
    x = torch.rand(2, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return ask(seeded(Twisted).double() if module is None else module, x, units=torch.tensor([[0, 0, 1, 2, 2]]))


def every() -> Tensor:
    return torch.tensor([[[False, True, False], [True, True, True], [False, True, True]]] * 2)


def test_logits_and_features_of_each_coalition_come_from_one_pass() -> None:
    asked, kept = question(), every()
    game = Game(asked.gate, asked.batch)
    logits, seen = features(game, kept)
    assert asked.gate.meter.forward == 6
    assert logits.equal(game.logits(kept))
    for n, m in ((n, m) for n in range(2) for m in range(3)):
        left = [asked.batch.x[n, e] if kept[n, m, u] else 0 for e, u in enumerate([0, 0, 1, 2, 2])]
        inner = asked.gate.module.body(torch.tensor(left, dtype=torch.float64)).tanh()
        torch.testing.assert_close(seen[n, m], inner)


def test_a_view_gives_the_same_and_bills_the_same_gate() -> None:
    asked = question()
    plain = features(Game(asked.gate, asked.batch), every())
    seen = features(Game(View(asked.gate, BlackBox), asked.batch), every())
    assert all(one.equal(two) for one, two in zip(plain, seen, strict=True))
    assert asked.gate.meter.forward == 12


def test_no_hook_stays_even_after_a_failure() -> None:
    asked = question()
    asked.gate.module.fails = True
    with pytest.raises(ArithmeticError):
        features(Game(asked.gate, asked.batch), every())
    assert not any(part._forward_pre_hooks for part in asked.gate.module.modules())


def test_a_model_of_scores_alone_refuses() -> None:
    asked = question()
    gate = Gate(Network(predict=lambda x: x.softmax(1)))
    with pytest.raises(Refused, match="only gives scores, no features"):
        features(Game(gate, asked.batch), every())


def test_a_model_without_a_linear_layer_refuses() -> None:
    asked = question(nn.Softplus())
    with pytest.raises(Refused, match="no linear layer is given a vector per input"):
        features(Game(asked.gate, asked.batch), every())


def test_what_the_network_itself_leaves_out_is_refused() -> None:
    asked = question()
    hidden: Batch = replace(asked.batch, imputer="token_dropping")
    with pytest.raises(Refused, match="'token_dropping' works inside the network"):
        features(Game(asked.gate, hidden), every())
