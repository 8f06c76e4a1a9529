"""Questions for peers, and the way to put a peer and a metric of ours to the same maps."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from heatproof import peers
from heatproof.benchmark import Batch, Gate, Method, Metric, Network, Truth, column_units, grid_units, metrics
from heatproof.benchmark.checks._questions import Question, seeded
from heatproof.benchmark.harness import Asked, score
from heatproof.benchmark.libraries import imported

imported("torchvision")

Scored = Callable[..., Tensor]


def question(module: nn.Module, x: Tensor, units: Tensor, readout: str) -> Question:
    """Ask a network, with a truth on the first half of the units and nothing left open."""
    count = int(units.max()) + 1
    relevant = (torch.arange(count) < count // 2).expand(len(x), -1)
    truth = Truth(units, relevant, ~relevant)
    target = torch.arange(len(x)) % 3
    batch = Batch(tuple(map(str, range(len(x)))), x, target, units, torch.zeros_like(x), truth)
    return Question(Gate(Network(module), readout), batch)


def _conv() -> nn.Module:
    first = nn.Conv2d(3, 6, 3, padding=1)
    return nn.Sequential(first, nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(6 * 16, 3)).eval()


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(9, 16), nn.Tanh(), nn.Linear(16, 3)).eval()


@pytest.fixture
def pictures() -> Question:
    """Ask a nonlinear network about twenty 3x16x16 pictures with 16 patches: three batches of eight."""
    x = torch.rand(20, 3, 16, 16, generator=torch.Generator().manual_seed(61))
    return question(seeded(_conv), x, grid_units(x, 4), "probability")


@pytest.fixture
def table() -> Question:
    """Ask a nonlinear network about twenty rows of nine columns."""
    x = torch.randn(20, 9, generator=torch.Generator().manual_seed(62))
    return question(seeded(_mlp), x, column_units(x), "logit")


def _ask(choose: Callable[[peers.Peer], Metric]) -> Scored:
    def ask(name: str, asked: Question, maps: Tensor, method: Method | None = None, **settings: object) -> Tensor:
        peer = next(each for each in peers.find(name.partition(".")[0]) if each.name == name)
        again = None if method is None else Asked(method, {})
        scores = score(Asked(choose(peer), settings), asked.gate, asked.batch, maps, again)[0]
        return scores[peer.like].double()

    return ask


@pytest.fixture
def theirs() -> Scored:
    """Put a peer to maps."""
    return _ask(lambda peer: peer)


@pytest.fixture
def ours() -> Scored:
    """Put the metric of ours that a peer is like to maps."""
    return _ask(lambda peer: metrics[peer.of])


@pytest.fixture
def maps() -> Callable[[Question], Tensor]:
    """Make maps of a question without ties, of both signs, each on a scale of its own."""

    def make(asked: Question) -> Tensor:
        source = torch.Generator().manual_seed(63)
        count, elements = asked.batch.units.shape
        scale = 10.0 ** torch.randint(-1, 2, (count, 1), generator=source)
        return (scale * torch.randn(count, elements, generator=source)).double()

    return make
