"""Grad-CAM against loops by hand, on a convolutional network and on tokens, and against pytorch-grad-cam."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pytest
import torch
from skimage.transform import resize
from torch import Tensor

from heatproof.benchmark import Refused, methods
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.harness import Asked, explain
from heatproof.models._torchvision import timm

Ask = Callable[..., Question]
Inside = Callable[[Question, str, int], tuple[Tensor, Tensor]]
Bilinear = Callable[[list[list[float]], int, int], list[list[float]]]
LAST: Mapping[str, object] = MappingProxyType({})


def found(asked: Question, settings: Mapping[str, object] = LAST) -> Tensor:
    function = methods["grad_cam"].function
    attribution: Tensor = function(asked.gate, asked.batch.x, asked.batch.target, **settings)
    return attribution[:, 0]


def by_hand(activation: Tensor, gradient: Tensor) -> list[list[float]]:
    """Return the coarse map."""
    channels, height, width = activation.shape
    coarse = [[0.0] * width for _ in range(height)]
    for row in range(height):
        for column in range(width):
            total = 0.0
            for channel in range(channels):
                weight = sum(gradient[channel].flatten().tolist()) / (height * width)
                total += weight * activation[channel, row, column].item()
            coarse[row][column] = max(total, 0.0)
    return coarse


@pytest.mark.parametrize(("kind", "layer"), [("picture", "0.3"), ("picture", "0.1"), ("tokens", "block")])
def test_equals_loops_by_hand(layered: Ask, at_layer: Inside, bilinear: Bilinear, kind: str, layer: str) -> None:
    asked = layered(kind)
    maps = found(asked, {"layer": layer})
    assert (maps > 0).any(), "a test on nothing but zeros would prove nothing"
    for sample in range(5):
        expected = torch.tensor(bilinear(by_hand(*at_layer(asked, layer, sample)), 12, 16))
        torch.testing.assert_close(maps[sample].float(), expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("kind", ["picture", "tokens"])
def test_takes_the_last_layer_and_gives_one_value_a_pixel(layered: Ask, kind: str) -> None:
    asked = layered(kind)
    last = asked.gate.layers()[-1]
    assert found(asked).equal(found(asked, {"layer": last}))
    maps, cost = explain(Asked(methods["grad_cam"], {}), asked.gate, asked.batch)
    assert maps.equal(found(asked).flatten(1).double())
    assert (cost.forward, cost.backward) == (5, 5)


def test_refuses_a_layer_that_is_not_there(layered: Ask) -> None:
    with pytest.raises(Refused, match="no layer 'layer4'"):
        found(layered("picture"), {"layer": "layer4"})


@pytest.mark.parametrize("kind", ["picture", "tokens"])
def test_is_pytorch_grad_cams_definition_up_to_its_rescaling(layered: Ask, at_layer: Inside, kind: str) -> None:
    """It stretches the coarse map to [0, 1] and resizes it between pixel centres; ours keeps the magnitude."""
    asked = layered(kind)
    for sample, fine in enumerate(found(asked)):
        activation, gradient = (part.numpy() for part in at_layer(asked, asked.gate.layers()[-1], sample))
        cam = np.maximum((gradient.mean((1, 2))[:, None, None] * activation).sum(0), 0)
        scaled = (cam - cam.min()) / (1e-7 + (cam - cam.min()).max())
        theirs = resize(scaled, (12, 16), order=1, mode="edge", anti_aliasing=False)
        ours = (fine.numpy() - cam.min()) / (1e-7 + (cam - cam.min()).max())
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


def test_agrees_with_the_installed_pytorch_grad_cam(layered: Ask) -> None:
    assert timm, "imported first: where torchvision's extension does not load, the peer cannot be imported otherwise"
    peer = pytest.importorskip("pytorch_grad_cam")
    asked = layered("picture", "logit")
    gate = asked.gate
    with peer.GradCAM(gate.module, [gate.module.get_submodule("0.3")]) as explainer:
        outputs = peer.utils.model_targets.ClassifierOutputTarget
        theirs = explainer(asked.batch.x, [outputs(int(target)) for target in asked.batch.target])
    for ours, other in zip(found(asked).numpy(), theirs, strict=True):
        np.testing.assert_allclose(_stretched(ours), _stretched(other), atol=1e-3)  # it adds 1e-7 before it resizes


def _stretched(image: np.ndarray) -> np.ndarray:
    stretched: np.ndarray = (image - image.min()) / (1e-7 + (image - image.min()).max())
    return stretched
