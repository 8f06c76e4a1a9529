"""Questions with uneven units, and the way to put one metric to one map."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Network, Truth, at_elements, metrics
from heatproof.benchmark.checks._questions import Question, seeded
from heatproof.benchmark.harness import Asked, score

UNITS = 7
Scored = Callable[..., dict[str, Tensor]]


def _nonlinear() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Flatten(), nn.Linear(3 * 30, 8), nn.ReLU(), nn.Linear(8, 3))
    return net.double()


def _without(ids: tuple[str, ...], kept: Tensor) -> Tensor:
    """A scene of which a pixel is bright where it is kept, in a tint of the sample's own."""
    tint = torch.tensor([1 + int(name.rpartition("-")[2]) for name in ids], dtype=torch.float64)
    return (kept.double() * tint[:, None])[:, None].expand(-1, 3, -1).reshape(-1, 3, 5, 6) / 8


@pytest.fixture
def uneven() -> Question:
    """Ask a nonlinear network about eight 3x5x6 pictures whose seven units are 1 to 10 pixels large, each its own."""
    source = torch.Generator().manual_seed(51)
    labels = torch.tensor([0] * 1 + [1] * 2 + [2] * 3 + [3] * 4 + [4] * 4 + [5] * 6 + [6] * 10)
    units = torch.stack([labels[torch.randperm(30, generator=source)] for _ in range(8)])
    x, baseline = torch.rand(2, 8, 3, 5, 6, generator=source, dtype=torch.float64)
    effect, rival_effect = torch.randn(2, 8, UNITS, generator=source, dtype=torch.float64)
    target, rival = torch.arange(8) % 3, (torch.arange(8) + 1) % 3
    values = {"shapley": effect, "gradient": rival_effect}
    truth = Truth(units, effect > 0, effect < -0.5, effect, values, rival=rival, rival_effect=rival_effect)
    ids = tuple(f"sample-{i}" for i in range(8))
    batch = Batch(ids, x, target, units, baseline, truth, pool=baseline.flip(0), redraw=_without)
    return Question(Gate(Network(seeded(_nonlinear), layers=lambda: ("0",)), "probability", 64), batch)


@pytest.fixture
def maps(uneven: Question) -> Tensor:
    """Maps of that question that differ from pixel to pixel, and that agree with the truth a little."""
    source = torch.Generator().manual_seed(52)
    noise = torch.randn(8, 30, generator=source, dtype=torch.float64)
    truth = uneven.batch.truth
    assert truth is not None
    assert truth.effect is not None
    return noise + 0.5 * at_elements(truth.effect, truth.parts)


@pytest.fixture
def scored() -> Scored:
    """Put a metric to maps, as the harness does."""

    def ask(name: str, question: Question, attribution: Tensor, **settings: object) -> dict[str, Tensor]:
        return score(Asked(metrics[name], settings), question.gate, question.batch, attribution, None)[0]

    return ask
