"""Networks in float64 whose answers a test can work out for itself."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Network, column_units, grid_units
from heatproof.benchmark.checks._questions import Question, seeded

Ask = Callable[..., Question]


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
