"""Score-CAM against loops by hand and pytorch-grad-cam; its weights, its bill, and what others get wrong."""

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
    batch = asked.batch
    attribution: Tensor = methods["score_cam"].function(asked.gate, batch.x, batch.target, batch.baseline, **settings)
    return attribution[:, 0]


def grey(asked: Question) -> Question:
    """Ask with a baseline that is not black."""
    return replace(asked, batch=replace(asked.batch, baseline=torch.full_like(asked.batch.x, 0.3)))


def by_hand(asked: Question, activation: Tensor, sample: int, bilinear: Bilinear) -> Tensor:
    """Ask about one channel after the other, with the baseline's score taken off, as in the paper's algorithm 1."""
    x, target = asked.batch.x[sample : sample + 1], asked.batch.target[sample : sample + 1]
    baseline = asked.batch.baseline[sample : sample + 1]
    drop = float(asked.gate.score(baseline, target))
    weights = []
    for channel in activation:
        fine = torch.tensor(bilinear(channel.tolist(), 12, 16), dtype=torch.float64)
        mask = (fine - fine.min()) / (fine.max() - fine.min())
        weights.append(float(asked.gate.score(x * mask + baseline * (1 - mask), target)) - drop)
    total = sum(np.exp(weight) for weight in weights)
    coarse = sum(np.exp(weight) / total * channel for weight, channel in zip(weights, activation, strict=True))
    return torch.tensor(bilinear(coarse.clamp(min=0).tolist(), 12, 16), dtype=torch.float64)


@pytest.mark.parametrize("readout", ["probability", "logit"])
@pytest.mark.parametrize(("kind", "layer"), [("picture", "0.3"), ("tokens", "block")])
def test_equals_loops_by_hand(
    layered: Ask, at_layer: Inside, bilinear: Bilinear, readout: str, kind: str, layer: str
) -> None:
    asked = grey(layered(kind, readout))
    maps = found(asked, layer=layer)
    assert (maps > 0).any()
    for sample, fine in enumerate(maps):
        expected = by_hand(asked, at_layer(asked, layer, sample)[0], sample, bilinear)
        torch.testing.assert_close(fine, expected, rtol=1e-6, atol=1e-9)


def test_agrees_with_the_installed_pytorch_grad_cam(layered: Ask) -> None:
    """Black is its baseline; it enlarges between corners, so the layer has the input's size; it stretches to [0, 1]."""
    assert timm, "imported first: where torchvision's extension does not load, the peer cannot be imported otherwise"
    peer = pytest.importorskip("pytorch_grad_cam")
    asked = wide()
    outputs = [peer.utils.model_targets.ClassifierOutputTarget(int(target)) for target in asked.batch.target]
    with peer.ScoreCAM(asked.gate.module, [asked.gate.module.get_submodule("0")]) as explainer:
        theirs = explainer(asked.batch.x, outputs)
    for ours, other in zip(found(asked).numpy(), theirs, strict=True):
        scaled = (ours - ours.min()) / (1e-7 + (ours - ours.min()).max())
        np.testing.assert_allclose(scaled, other, atol=1e-5)


class Wide(nn.Module):
    """Channels of the input's size, and a linear rest on what they sum to by quarters."""

    def __init__(self, channels: nn.Module) -> None:
        super().__init__()
        self.add_module("0", channels)
        self.weight = nn.Parameter(torch.randn(3, 64, generator=torch.Generator().manual_seed(8)).double() / 4)

    def forward(self, x: Tensor) -> Tensor:
        activation: Tensor = self.get_submodule("0")(x)
        return nn.functional.adaptive_avg_pool2d(activation, 4).flatten(1)[:, :64] @ self.weight.T


def wide(channels: nn.Module | None = None) -> Question:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        layer = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()).double() if channels is None else channels
    x = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(9)).double()
    return ask(Wide(layer), x, target=torch.arange(4) % 3, readout="logit", layers=("0",))


class Dead(nn.Module):
    """The input's three channels and a constant one, or nothing but constants."""

    def __init__(self, constant: float, only: bool = False) -> None:
        super().__init__()
        self.constant, self.only = constant, only

    def forward(self, x: Tensor) -> Tensor:
        constant = torch.full_like(x[:, :1], self.constant) + 0 * x.sum(1, keepdim=True)
        return constant.expand(-1, 4, -1, -1) if self.only else torch.cat([x, constant], 1)


@pytest.mark.parametrize("constant", [0.0, 0.1, -3.0])
def test_a_constant_channel_weighs_nothing(constant: float) -> None:
    """Others divide zero by zero there, and lose the map to NaN, or let noise of rounding be a mask."""
    alive, dead = wide(Dead(0.0)), wide(Dead(constant))
    x, target, baseline = alive.batch.x, alive.batch.target, alive.batch.baseline
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    masks = ((x - low) / (high - low))[:, :, None]
    seen = torch.stack([dead.gate.score(masks[:, c] * x, target) for c in range(3)], 1)
    expected = torch.einsum("nc,nchw->nhw", seen.softmax(1), x)
    torch.testing.assert_close(found(dead), expected.relu())
    assert not baseline.any()


def test_nothing_but_constant_channels_is_a_map_of_zeros() -> None:
    assert found(wide(Dead(0.7, only=True))).equal(torch.zeros(4, 8, 8, dtype=torch.float64))


def test_follows_the_target_of_each_sample() -> None:
    """The peer of Rao et al. scores every masked copy with the first head, whichever was asked for."""
    asked = wide()
    batch = asked.batch
    other = replace(asked, batch=replace(batch, target=torch.tensor([0, 2, 2, 0])))
    changed = (found(asked) - found(other)).abs().flatten(1).amax(1) > 1e-9
    assert changed.equal(batch.target != other.batch.target)
    for sample in range(4):
        torch.testing.assert_close(found(asked.picked([sample])), found(asked)[[sample]])


@pytest.mark.parametrize(("budget", "channels"), [(0, 6), (2, 1), (4, 3), (7, 6), (40, 6)])
def test_bills_a_pass_for_each_channel_that_the_budget_buys(budget: int, channels: int) -> None:
    asked = wide()
    maps, cost = explain(Asked(methods["score_cam"], {"budget": budget}), asked.gate, asked.batch)
    assert (cost.forward, cost.backward) == (4 * (1 + channels), 4)
    assert maps.equal(found(asked, budget=0).flatten(1).double()) == (channels == 6)


def test_a_budget_buys_the_channels_of_the_largest_mean() -> None:
    asked = wide()
    activation = asked.gate.module.get_submodule("0")(asked.batch.x).detach()
    for sample, fine in enumerate(found(asked, budget=2)):
        best = activation[sample, activation[sample].mean((1, 2)).argmax()]
        torch.testing.assert_close(fine, best)  # the only channel has the weight 1


@pytest.mark.parametrize("budget", [1, -1])
def test_refuses_a_budget_that_buys_no_channel(budget: int) -> None:
    with pytest.raises(Refused, match=f"a budget of {budget} passes is too small: score_cam needs at least 2"):
        found(wide(), budget=budget)


def test_refuses_a_layer_that_is_not_there(layered: Ask) -> None:
    with pytest.raises(Refused, match="the model has no layer 'layer4'"):
        found(layered("picture"), layer="layer4")


def test_needs_no_more_room_than_a_pass_has() -> None:
    """Many channels are asked about in several calls, and the maps stay."""
    asked = wide()
    small = Question(Gate(Network(asked.gate.module, layers=lambda: ("0",)), "logit", 1), asked.batch)
    torch.testing.assert_close(found(small), found(asked))
