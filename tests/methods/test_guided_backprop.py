"""Guided backpropagation and the deconvolutional network against captum, and by hand."""

import pytest
import torch
from captum.attr import Deconvolution, GuidedBackprop
from torch import Tensor, nn

from heatproof.benchmark import Gate, Network, methods
from heatproof.benchmark.checks._questions import Asked as Module
from heatproof.benchmark.checks._questions import seeded

CAPTUM = {"guided_backprop": GuidedBackprop, "deconvnet": Deconvolution}


def given(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 0.4


def found(name: str, module: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    maps: Tensor = methods[name].function(Gate(Network(module)), x, target)
    return maps


def conv_net() -> nn.Module:
    features = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(4, 4, 2)
    return (
        nn.Sequential(*features, nn.ReLU(), nn.Flatten(), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double().eval()
    )


@pytest.mark.filterwarnings("ignore:Setting backward hooks:UserWarning")
@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already:UserWarning")
@pytest.mark.parametrize("name", CAPTUM)
def test_equals_captum(name: str) -> None:
    x, target = given(4, 2, 6, 6), torch.tensor([0, 1, 2, 0])
    expected = CAPTUM[name](seeded(conv_net)).attribute(x, target=target)
    assert expected.abs().amax() > 0
    torch.testing.assert_close(found(name, seeded(conv_net), x, target), expected)


@pytest.mark.parametrize(("name", "expected"), [("guided_backprop", [2.0, 0.0, 0.0]), ("deconvnet", [2.0, 0.0, 3.0])])
def test_by_hand(name: str, expected: list[float]) -> None:
    """An active unit with a positive gradient, one with a negative one, and a silent unit with a positive one."""
    x, weight = torch.tensor([[1.0, 2.0, -3.0]]).double(), torch.tensor([2.0, -5.0, 3.0]).double()
    network = Module(lambda x: (x.relu() * weight).sum(1))
    map_ = found(name, network, x, torch.zeros(1, dtype=torch.int64))
    torch.testing.assert_close(map_, torch.tensor([expected]).double())
