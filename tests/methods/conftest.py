"""Networks in float64 whose answers a test can work out for itself."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Network, column_units, grid_units, read_out
from heatproof.benchmark.checks._questions import Question, seeded

Ask = Callable[..., Question]
Inside = Callable[[Question, str, int], tuple[Tensor, Tensor]]
Bilinear = Callable[[list[list[float]], int, int], list[list[float]]]


class Additive(nn.Module):
    """Logit k is the sum over all inputs of weight[k] * sin(x): nothing interacts."""

    def __init__(self, count: int, classes: int = 3) -> None:
        super().__init__()
        self.head = nn.Linear(count, classes, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(x.double().flatten(1).sin())
        return logits


def smooth_net() -> nn.Module:
    """A convolutional network with derivatives of every order, for 2x4x6 pictures."""
    features = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.Tanh(), nn.Conv2d(3, 3, 3), nn.Softplus())
    return nn.Sequential(features, nn.Flatten(), nn.Linear(3 * 2 * 4, 3)).double()


def _batch(x: Tensor, units: Tensor, seed: int) -> Batch:
    baseline = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
    ids = tuple(f"sample-{i}" for i in range(len(x)))
    return Batch(ids, x, torch.arange(len(x)) % 3, units, baseline)


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


@pytest.fixture
def smooth() -> Ask:
    """Ask a smooth network about pictures, with any readout."""

    def ask(readout: str = "probability", samples: int = 4) -> Question:
        x = torch.rand(samples, 2, 4, 6, generator=torch.Generator().manual_seed(11), dtype=torch.float64)
        return Question(Gate(Network(seeded(smooth_net)), readout), _batch(x, grid_units(x, 2), 11))

    return ask


@pytest.fixture
def additive() -> Ask:
    """Ask an additive network about pictures with uneven units, or about a table."""

    def ask(pictures: bool = True) -> Question:
        shape = (4, 2, 3, 5) if pictures else (4, 6)
        x = torch.randn(shape, generator=torch.Generator().manual_seed(12), dtype=torch.float64)
        units = grid_units(x, 2) if pictures else column_units(x)
        network = Network(seeded(lambda: Additive(x[0].numel())))
        return Question(Gate(network, "logit"), _batch(x, units, 12))

    return ask


@pytest.fixture
def layered() -> Ask:
    """Ask a network of a few layers about ever starker pictures: "picture", which convolves, or "tokens"."""

    def ask(kind: str, readout: str = "probability") -> Question:
        x = torch.rand(5, 3, 12, 16, generator=torch.Generator().manual_seed(21)) - 0.5
        x = 8 * x * torch.arange(1, 6).reshape(5, 1, 1, 1)
        if kind == "tokens":
            network = Network(seeded(lambda: Tokens().double().eval()), layers=lambda: ("block",), grid=to_grid)
        else:
            network = Network(seeded(lambda: conv_net().double()), layers=lambda: ("0.1", "0.3"))
        ids = tuple(map(str, range(5)))
        batch = Batch(ids, x.double(), torch.arange(5) % 3, grid_units(x, 4), torch.zeros_like(x).double())
        return Question(Gate(network, readout), batch)

    return ask


@pytest.fixture
def at_layer() -> Inside:
    """Find one sample's activation at a layer and the gradient of its target's score there, (C, h, w) both."""

    def find(asked: Question, layer: str, sample: int) -> tuple[Tensor, Tensor]:
        kept: list[Tensor] = []
        module, target = asked.gate.module, asked.batch.target[sample : sample + 1]
        handle = module.get_submodule(layer).register_forward_hook(lambda _m, _i, output: kept.append(output))
        score = read_out(module(asked.batch.x[sample : sample + 1]), target, asked.gate.readout)
        handle.remove()
        (gradient,) = torch.autograd.grad(score.sum(), kept[0])
        return asked.gate.network.grid(kept[0].detach())[0], asked.gate.network.grid(gradient)[0]

    return find


@pytest.fixture
def bilinear() -> Bilinear:
    """Interpolate between the centres of coarse pixels, one fine pixel after the other."""

    def fine(coarse: list[list[float]], height: int, width: int) -> list[list[float]]:
        def between(place: float, count: int) -> tuple[int, int, float]:
            place = min(max(place, 0.0), count - 1.0)
            low = int(place)
            return low, min(low + 1, count - 1), place - low

        enlarged = [[0.0] * width for _ in range(height)]
        for row in range(height):
            for column in range(width):
                top, bottom, down = between((row + 0.5) * len(coarse) / height - 0.5, len(coarse))
                left, right, along = between((column + 0.5) * len(coarse[0]) / width - 0.5, len(coarse[0]))
                upper = coarse[top][left] * (1 - along) + coarse[top][right] * along
                lower = coarse[bottom][left] * (1 - along) + coarse[bottom][right] * along
                enlarged[row][column] = upper * (1 - down) + lower * down
        return enlarged

    return fine
