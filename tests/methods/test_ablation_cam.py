"""Ablation-CAM against loops by hand, the model behind its layer, pytorch-grad-cam, and a closed form."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Gate, Network, Refused, methods
from heatproof.benchmark.checks._questions import Question, ask
from heatproof.benchmark.harness import Asked, explain
from heatproof.models._torchvision import timm

Ask = Callable[..., Question]
Inside = Callable[[Question, str, int], tuple[Tensor, Tensor]]
Bilinear = Callable[[list[list[float]], int, int], list[list[float]]]


def found(asked: Question, **settings: object) -> Tensor:
    function = methods["ablation_cam"].function
    attribution: Tensor = function(asked.gate, asked.batch.x, asked.batch.target, **settings)
    return attribution[:, 0]


def without(asked: Question, layer: str, channel: int) -> Tensor:
    """Return the scores with one channel of a layer set to zero, by a hook that knows where it is."""
    axis = 1 if asked.gate.layers()[-1] != "block" else 2

    def cut(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        cut = output.clone()
        cut.select(axis, channel).zero_()
        return cut

    handle = asked.gate.module.get_submodule(layer).register_forward_hook(cut)
    scores = asked.gate.score(asked.batch.x, asked.batch.target)
    handle.remove()
    return scores


@pytest.mark.parametrize("readout", ["probability", "logit"])
@pytest.mark.parametrize(("kind", "layer"), [("picture", "0.3"), ("picture", "0.1"), ("tokens", "block")])
def test_equals_loops_by_hand(
    layered: Ask, at_layer: Inside, bilinear: Bilinear, readout: str, kind: str, layer: str
) -> None:
    asked = layered(kind, readout)
    maps = found(asked, layer=layer)
    assert (maps > 0).any()
    score = asked.gate.score(asked.batch.x, asked.batch.target)
    channels = len(at_layer(asked, layer, 0)[0])
    drops = [(score - without(asked, layer, channel)) / score.abs() for channel in range(channels)]
    for sample, fine in enumerate(maps):
        activation, _ = at_layer(asked, layer, sample)
        coarse = sum(drop[sample] * channel for drop, channel in zip(drops, activation, strict=True)).clamp(min=0)
        expected = torch.tensor(bilinear(coarse.tolist(), 12, 16), dtype=torch.float64)
        torch.testing.assert_close(fine, expected, rtol=1e-6, atol=1e-9)


def test_equals_the_model_behind_the_layer_asked_without_a_channel(layered: Ask) -> None:
    asked = layered("picture")
    rest, activation = asked.gate.inside(asked.batch.x, "0.3")
    score, target = rest.score(activation, asked.batch.target), asked.batch.target
    coarse = torch.zeros_like(activation[:, :1])
    for channel in range(activation.shape[1]):
        left = activation.clone()
        left[:, channel] = 0
        coarse += ((score - rest.score(left, target)) / score)[:, None, None, None] * activation[:, [channel]]
    fine = nn.functional.interpolate(coarse.relu(), (12, 16), mode="bilinear")
    torch.testing.assert_close(found(asked), fine[:, 0])


def test_agrees_with_the_installed_pytorch_grad_cam() -> None:
    """It divides by the score, positive here, and stretches to [0, 1]; where a value is negative, it would not zero."""
    assert timm, "imported first: where torchvision's extension does not load, the peer cannot be imported otherwise"
    peer = pytest.importorskip("pytorch_grad_cam")
    asked = linear(rectified=True)
    outputs = [peer.utils.model_targets.ClassifierOutputTarget(int(target)) for target in asked.batch.target]
    with peer.AblationCAM(asked.gate.module, [asked.gate.module.get_submodule("0")]) as explainer:
        theirs = explainer(asked.batch.x.float(), outputs)
    for ours, other in zip(found(asked).numpy(), theirs, strict=True):
        scaled = (ours - ours.min()) / (1e-7 + (ours - ours.min()).max())
        np.testing.assert_allclose(scaled, other, atol=1e-4)


def linear(shift: float = 0.0, rectified: bool = False) -> Question:
    """Ask a network that is linear behind its layer: the drop without a channel is what that channel gives."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        layer = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU() if rectified else nn.Identity())
        module = nn.Sequential(layer, nn.Flatten(), nn.Linear(5 * 64, 3))
    x = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        module[2].bias += 2 + shift
    return ask(module, x, target=torch.arange(4) % 3, readout="logit", layers=("0",))


@pytest.mark.parametrize("shift", [0.0, -20.0])
def test_is_what_each_channel_gives_before_a_linear_rest_also_where_the_score_is_negative(shift: float) -> None:
    asked = linear(shift)
    module, batch = asked.gate.module, asked.batch
    activation = module[0](batch.x).detach().double()
    weight = module[2].weight.detach().double()[batch.target].reshape(activation.shape)
    score = asked.gate.score(batch.x, batch.target)
    assert (score < 0).all() if shift else (score > 0).all()
    given = (weight * activation).sum((2, 3)) / score.abs()[:, None]
    expected = torch.einsum("nc,nchw->nhw", given, activation).relu()
    torch.testing.assert_close(found(asked), expected, rtol=1e-4, atol=1e-5)


def test_a_score_of_zero_leaves_the_drops_as_they_are() -> None:
    """Without the first channel the score falls by 3, without the second it rises by 3: 3 times 3, less 3 times 1."""
    module = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        module[2].weight.copy_(torch.tensor([[1.0, -3.0], [0.0, 0.0]]))
    asked = ask(module, torch.tensor([3.0, 1.0]).reshape(1, 2, 1, 1), readout="logit", layers=("0",))
    assert asked.gate.score(asked.batch.x, asked.batch.target) == 0
    assert found(asked) == 6.0


def test_keeps_the_channels_of_maps_with_channels_last() -> None:
    """A layer that gives (N, h, w, C), as in Swin: the same network with channels second has the same map."""

    class Last(nn.Module):
        def __init__(self, last: bool) -> None:
            super().__init__()
            self.conv, self.last = nn.Conv2d(3, 4, 3), last
            self.layer, self.head = nn.Identity(), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            activation = self.conv(x).sin()
            activation = self.layer(activation.permute(0, 2, 3, 1) if self.last else activation)
            activation = activation if self.last else activation.permute(0, 2, 3, 1)
            logits: Tensor = self.head(activation.flatten(1, 2).amax(1))
            return logits

    maps = []
    for last in (False, True):
        with torch.random.fork_rng():
            torch.manual_seed(5)
            module = Last(last).double()
        x = torch.rand(3, 3, 6, 6, generator=torch.Generator().manual_seed(6)).double()
        asked = ask(module, x, target=torch.arange(3), readout="logit")
        grid = (lambda activation: activation.permute(0, 3, 1, 2)) if last else (lambda activation: activation)
        network = Network(module, layers=lambda: ("layer",), grid=grid)
        maps.append(found(Question(Gate(network, "logit"), asked.batch)))
    torch.testing.assert_close(maps[0], maps[1])
    assert maps[0].any()


def test_takes_the_activation_of_a_layer_that_gives_a_tuple() -> None:
    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, None]:
            return x.sin(), None

    class Pairs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair, self.head = Pair(), nn.Linear(12, 2)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(self.pair(x)[0].flatten(1).exp())
            return logits

    x = torch.rand(2, 3, 2, 2, generator=torch.Generator().manual_seed(6)).double()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        asked = ask(Pairs().double(), x, readout="logit", layers=("pair",))
    score = asked.gate.score(x, asked.batch.target)
    coarse = torch.zeros(2, 2, 2).double()
    for channel in range(3):
        left = x.clone()
        left[:, channel] = 0
        drop = (score - asked.gate.score(left, asked.batch.target)) / score.abs()
        coarse += drop[:, None, None] * x.sin()[:, channel]
    torch.testing.assert_close(found(asked), coarse.relu())


def test_follows_the_target_of_each_sample() -> None:
    asked = linear()
    other = replace(asked, batch=replace(asked.batch, target=torch.tensor([0, 2, 2, 1])))
    changed = (found(asked) - found(other)).abs().flatten(1).amax(1) > 1e-6
    assert changed.equal(asked.batch.target != other.batch.target)


@pytest.mark.parametrize(("budget", "channels"), [(0, 5), (3, 1), (5, 3), (7, 5), (40, 5)])
def test_bills_a_pass_for_each_channel_that_the_budget_buys(budget: int, channels: int) -> None:
    asked = linear()
    maps, cost = explain(Asked(methods["ablation_cam"], {"budget": budget}), asked.gate, asked.batch)
    assert (cost.forward, cost.backward) == (4 * (2 + channels), 4)
    assert maps.equal(found(asked, budget=0).flatten(1).double()) == (channels == 5)


def test_a_budget_buys_the_channels_of_the_largest_mean() -> None:
    asked = linear()
    batch = asked.batch
    activation = asked.gate.module[0](batch.x).detach()
    score = asked.gate.score(batch.x, batch.target)
    for sample, fine in enumerate(found(asked, budget=3)):
        best = int(activation[sample].mean((1, 2)).argmax())
        drop = (score - without(asked, "0", best))[sample] / score[sample].abs()
        torch.testing.assert_close(fine, (drop * activation[sample, best].double()).relu(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("budget", [2, -1])
def test_refuses_a_budget_that_buys_no_channel(budget: int) -> None:
    with pytest.raises(Refused, match=f"a budget of {budget} passes is too small: ablation_cam needs at least 3"):
        found(linear(), budget=budget)


def test_refuses_a_layer_that_is_not_there(layered: Ask) -> None:
    with pytest.raises(Refused, match="the model has no layer 'layer4'"):
        found(layered("picture"), layer="layer4")
