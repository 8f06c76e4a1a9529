"""Guided Grad-CAM against captum, its two factors, and what it refuses."""

from collections.abc import Callable

import pytest
import torch
from captum.attr import GuidedGradCam
from torch import Tensor, nn

from heatproof.benchmark import Refused, methods
from heatproof.benchmark.checks._questions import Question, ask, seeded
from heatproof.benchmark.harness import Asked, explain

Ask = Callable[..., Question]


def found(asked: Question, **settings: object) -> Tensor:
    function = methods["guided_grad_cam"].function
    attribution: Tensor = function(asked.gate, asked.batch.x, asked.batch.target, **settings)
    return attribution


def rectified(readout: str = "logit") -> Question:
    """Ask a network of modules that are used once each, on which captum is right."""

    def build() -> nn.Module:
        features = [nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3, stride=2), nn.ReLU()]
        return nn.Sequential(*features, nn.Flatten(), nn.Linear(5 * 4 * 6, 3)).double()

    x = torch.randn(5, 3, 12, 16, generator=torch.Generator().manual_seed(61)).double()
    return ask(seeded(build), x, target=torch.arange(5) % 3, readout=readout, layers=("1", "3"))


@pytest.mark.parametrize("layer", ["1", "3"])
def test_equals_captum(layer: str) -> None:
    asked = rectified()
    module, batch = asked.gate.module, asked.batch
    explainer = GuidedGradCam(module, module.get_submodule(layer))
    with pytest.warns(UserWarning, match="Setting backward hooks on ReLU"):
        theirs = explainer.attribute(batch.x.clone().requires_grad_(), target=batch.target, interpolate_mode="bilinear")
    assert theirs.any()
    torch.testing.assert_close(found(asked, layer=layer), theirs.detach())


@pytest.mark.parametrize("readout", ["logit", "probability", ""])
def test_is_the_product_of_its_factors(readout: str) -> None:
    asked, told = rectified("probability"), rectified(readout or "probability")
    batch = asked.batch
    coarse = methods["grad_cam"].function(told.gate, batch.x, batch.target, layer="1")
    fine = methods["guided_backprop"].function(told.gate, batch.x, batch.target, readout="")
    torch.testing.assert_close(found(asked, layer="1", readout=readout), coarse * fine)


def test_takes_the_last_layer_and_bills_two_passes() -> None:
    asked = rectified()
    assert found(asked).equal(found(asked, layer="3"))
    cost = explain(Asked(methods["guided_grad_cam"], {}), asked.gate, asked.batch)[1]
    assert (cost.forward, cost.backward) == (10, 10)


def test_refuses_smooth_activations_and_layers_that_are_not_there(layered: Ask) -> None:
    with pytest.raises(Refused, match="gelu"):
        found(ask(nn.Sequential(nn.Conv2d(3, 2, 3), nn.GELU(), nn.Flatten()), torch.rand(1, 3, 3, 3), layers=("0",)))
    with pytest.raises(Refused, match="the model has no layer 'layer4'"):
        found(layered("picture"), layer="layer4")
