"""Grad-CAM against loops by hand, on a convolutional network and on tokens, and against pytorch-grad-cam."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
import torch
from skimage.transform import resize
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Network, Refused, grid_units, methods
from heatproof.benchmark.checks._questions import Question, seeded
from heatproof.benchmark.harness import Asked, explain
from heatproof.models._torchvision import timm

Ask = Callable[..., Question]
LAST: Mapping[str, object] = MappingProxyType({})


class Tokens(nn.Module):
    """A small vision transformer: patches, a class token, one attention block, a head on the class token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 6, 4, 4)
        self.cls = nn.Parameter(torch.randn(1, 1, 6))
        self.block = nn.TransformerEncoderLayer(6, 2, 12, dropout=0.0, batch_first=True, norm_first=True)
        self.mix = nn.TransformerEncoderLayer(6, 2, 12, dropout=0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x).flatten(2).transpose(1, 2)
        tokens = self.block(torch.cat([self.cls.expand(len(x), -1, -1), tokens], 1))
        logits: Tensor = self.head(self.mix(tokens)[:, 0])
        return logits


def to_grid(tokens: Tensor) -> Tensor:
    """Drop the class token and put the others where their patches are: (N, 1 + 12, C) to (N, C, 3, 4)."""
    return tokens[:, 1:].transpose(1, 2).reshape(len(tokens), -1, 3, 4)


def conv_net() -> nn.Module:
    features = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.Tanh())
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(20, 3))


def question(kind: str) -> Question:
    x = torch.rand(5, 3, 12, 16, generator=torch.Generator().manual_seed(21))
    if kind == "tokens":
        network = Network(seeded(lambda: Tokens().double().eval()), layers=lambda: ("block",), grid=to_grid)
    else:
        network = Network(seeded(lambda: conv_net().double()), layers=lambda: ("0.1", "0.3"))
    ids = tuple(map(str, range(5)))
    batch = Batch(ids, x.double(), torch.arange(5) % 3, grid_units(x, 4), torch.zeros_like(x).double())
    return Question(Gate(network), batch)


def found(asked: Question, settings: Mapping[str, object] = LAST) -> Tensor:
    function = methods["grad_cam"].function
    attribution: Tensor = function(asked.gate, asked.batch.x, asked.batch.target, **settings)
    return attribution[:, 0]


def inside(asked: Question, layer: str, sample: int) -> tuple[Tensor, Tensor]:
    """Return one sample's activation at a layer and the gradient of its target's probability there."""
    kept: list[Tensor] = []
    module = asked.gate.module
    handle = module.get_submodule(layer).register_forward_hook(lambda _m, _i, output: kept.append(output))
    score = module(asked.batch.x[sample : sample + 1]).softmax(1)[0, asked.batch.target[sample]]
    handle.remove()
    (gradient,) = torch.autograd.grad(score, kept[0])
    return asked.gate.network.grid(kept[0].detach())[0], asked.gate.network.grid(gradient)[0]


def bilinear(coarse: list[list[float]], height: int, width: int) -> list[list[float]]:
    """Interpolate between the centres of coarse pixels, one fine pixel after the other."""

    def between(place: float, count: int) -> tuple[int, int, float]:
        place = min(max(place, 0.0), count - 1.0)
        low = int(place)
        return low, min(low + 1, count - 1), place - low

    fine = [[0.0] * width for _ in range(height)]
    for row in range(height):
        for column in range(width):
            top, bottom, down = between((row + 0.5) * len(coarse) / height - 0.5, len(coarse))
            left, right, along = between((column + 0.5) * len(coarse[0]) / width - 0.5, len(coarse[0]))
            upper = coarse[top][left] * (1 - along) + coarse[top][right] * along
            lower = coarse[bottom][left] * (1 - along) + coarse[bottom][right] * along
            fine[row][column] = upper * (1 - down) + lower * down
    return fine


def by_hand(asked: Question, layer: str, sample: int) -> tuple[Tensor, Tensor]:
    """Return the coarse map and the fine one."""
    activation, gradient = inside(asked, layer, sample)
    channels, height, width = activation.shape
    coarse = [[0.0] * width for _ in range(height)]
    for row in range(height):
        for column in range(width):
            total = 0.0
            for channel in range(channels):
                weight = sum(gradient[channel].flatten().tolist()) / (height * width)
                total += weight * activation[channel, row, column].item()
            coarse[row][column] = max(total, 0.0)
    return torch.tensor(coarse), torch.tensor(bilinear(coarse, 12, 16))


@pytest.mark.parametrize(("kind", "layer"), [("picture", "0.3"), ("picture", "0.1"), ("tokens", "block")])
def test_equals_loops_by_hand(kind: str, layer: str) -> None:
    asked = question(kind)
    maps = found(asked, {"layer": layer})
    assert (maps > 0).any(), "a test on nothing but zeros would prove nothing"
    for sample in range(5):
        expected = by_hand(asked, layer, sample)[1]
        torch.testing.assert_close(maps[sample].float(), expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("kind", ["picture", "tokens"])
def test_takes_the_last_layer_and_gives_one_value_a_pixel(kind: str) -> None:
    asked = question(kind)
    last = asked.gate.layers()[-1]
    assert found(asked).equal(found(asked, {"layer": last}))
    maps, cost = explain(Asked(methods["grad_cam"], {}), asked.gate, asked.batch)
    assert maps.equal(found(asked).flatten(1).float().double())
    assert (cost.forward, cost.backward) == (5, 5)


def test_refuses_a_layer_that_is_not_there() -> None:
    with pytest.raises(Refused, match="no layer 'layer4'"):
        found(question("picture"), {"layer": "layer4"})


@pytest.mark.parametrize("kind", ["picture", "tokens"])
def test_is_pytorch_grad_cams_definition_up_to_its_rescaling(kind: str) -> None:
    """It stretches the coarse map to [0, 1] and resizes it between pixel centres; ours keeps the magnitude."""
    asked = question(kind)
    for sample, fine in enumerate(found(asked)):
        activation, gradient = (part.numpy() for part in inside(asked, asked.gate.layers()[-1], sample))
        cam = np.maximum((gradient.mean((1, 2))[:, None, None] * activation).sum(0), 0)
        scaled = (cam - cam.min()) / (1e-7 + (cam - cam.min()).max())
        theirs = resize(scaled, (12, 16), order=1, mode="edge", anti_aliasing=False)
        ours = (fine.numpy() - cam.min()) / (1e-7 + (cam - cam.min()).max())
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


def test_agrees_with_the_installed_pytorch_grad_cam() -> None:
    assert timm, "imported first: where torchvision's extension does not load, the peer cannot be imported otherwise"
    peer = pytest.importorskip("pytorch_grad_cam")
    asked = question("picture")
    gate = Gate(asked.gate.network, "logit")
    with peer.GradCAM(gate.module, [gate.module.get_submodule("0.3")]) as explainer:
        outputs = peer.utils.model_targets.ClassifierOutputTarget
        theirs = explainer(asked.batch.x, [outputs(int(target)) for target in asked.batch.target])
    for ours, other in zip(found(replace(asked, gate=gate)).numpy(), theirs, strict=True):
        np.testing.assert_allclose(_stretched(ours), _stretched(other), atol=1e-3)  # it adds 1e-7 before it resizes


def _stretched(image: np.ndarray) -> np.ndarray:
    stretched: np.ndarray = (image - image.min()) / (1e-7 + (image - image.min()).max())
    return stretched
