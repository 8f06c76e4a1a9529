"""Class activation maps of one pass: each against loops by hand, pytorch-grad-cam, and what sets it apart."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Gate, Network, Refused, methods
from heatproof.benchmark.checks._questions import Question, ask
from heatproof.models._torchvision import timm

Ask = Callable[..., Question]
Inside = Callable[[Question, str, int], tuple[Tensor, Tensor]]
Bilinear = Callable[[list[list[float]], int, int], list[list[float]]]

WHERE = [("picture", "0.3"), ("picture", "0.1"), ("tokens", "block")]


def found(name: str, asked: Question, layer: str = "") -> Tensor:
    attribution: Tensor = methods[name].function(asked.gate, asked.batch.x, asked.batch.target, layer=layer)
    assert attribution.shape == (len(attribution), 1, *asked.batch.x.shape[2:])
    return attribution[:, 0]


def grad_cam_plus_plus(activation: Tensor, gradient: Tensor) -> Tensor:
    """Equations 7, 8 and 19, one number after the other; the factor exp(score) is left out of the weights."""
    total = torch.zeros_like(activation[0])
    for channel, slopes in zip(activation, gradient, strict=True):
        weight = 0.0
        for slope in slopes.flatten().tolist():
            alpha = slope**2 / (2 * slope**2 + float(channel.sum()) * slope**3)
            weight += alpha * max(slope, 0.0)
        total += weight * channel
    return total.clamp(min=0)


def hires_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Equation 4 and no rectifier."""
    total = torch.zeros_like(activation[0])
    for channel, slopes in zip(activation, gradient, strict=True):
        total += channel * slopes
    return total


def x_grad_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Equation 8: the mean gradient, each place weighted with its share of the channel's activation."""
    total = torch.zeros_like(activation[0])
    for channel, slopes in zip(activation, gradient, strict=True):
        weight = 0.0
        for value, slope in zip(channel.flatten().tolist(), slopes.flatten().tolist(), strict=True):
            weight += value / float(channel.sum()) * slope if float(channel.sum()) else 0.0
        total += weight * channel
    return total.clamp(min=0)


def layer_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Every place has the weight of its own gradient, where that is positive."""
    total = torch.zeros_like(activation[0])
    for channel, slopes in zip(activation, gradient, strict=True):
        total += channel * torch.where(slopes > 0, slopes, 0)
    return total.clamp(min=0)


def eigen_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """The leading eigenvector of the channels' products by power iteration, then the activation along it."""
    places = activation.flatten(1).T
    products, vector = places.T @ places, torch.ones(len(activation), dtype=activation.dtype)
    for _ in range(2000):
        vector = products @ vector
        vector /= vector.norm()
    along = (places @ vector).reshape(activation.shape[1:])
    return along if along.sum() >= 0 else -along


SLOW = {f.__name__: f for f in (grad_cam_plus_plus, hires_cam, x_grad_cam, layer_cam, eigen_cam)}


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("readout", ["probability", "logit"])
@pytest.mark.parametrize(("kind", "layer"), WHERE)
def test_equals_loops_by_hand(
    layered: Ask, at_layer: Inside, bilinear: Bilinear, name: str, readout: str, kind: str, layer: str
) -> None:
    asked = layered(kind, readout)
    maps = found(name, asked, layer)
    assert (maps.abs().flatten(1).amax(1) > 0).sum() >= 3, "a test on nothing but zeros would prove nothing"
    for sample, fine in enumerate(maps):
        coarse = SLOW[name](*at_layer(asked, layer, sample))
        expected = torch.tensor(bilinear(coarse.tolist(), 12, 16), dtype=torch.float64)
        torch.testing.assert_close(fine, expected, rtol=1e-6, atol=1e-9 * float(expected.abs().max()))


@pytest.mark.parametrize("name", ["grad_cam", *SLOW])
def test_refuses_a_layer_that_is_not_there_and_names_the_nearest(layered: Ask, name: str) -> None:
    with pytest.raises(Refused, match=r"the model has no layer '0\.4': did you mean"):
        found(name, layered("picture"), "0.4")


@pytest.mark.parametrize("name", ["grad_cam", *SLOW])
def test_takes_the_last_layer_by_default(layered: Ask, name: str) -> None:
    asked = layered("picture")
    assert found(name, asked).equal(found(name, asked, "0.3"))


PEERS = {"x_grad_cam": "XGradCAM", "layer_cam": "LayerCAM", "grad_cam_plus_plus": "GradCAMPlusPlus"}


@pytest.mark.parametrize("name", PEERS)
def test_agrees_with_the_installed_pytorch_grad_cam(layered: Ask, name: str) -> None:
    """It stretches each map to [0, 1]; in Grad-CAM++ its 1e-6 drowns small gradients, so there they are made large."""
    asked = layered("picture", "logit")
    module = nn.Sequential(asked.gate.module, Times(1000))
    gate = Gate(Network(module, layers=lambda: ("0.0.1",)), "logit")
    for ours, other in zip(*against(PEERS[name], name, Question(gate, asked.batch)), strict=True):
        np.testing.assert_allclose(ours, other, atol=1e-3)  # it adds 1e-7 before it resizes


def test_hires_cam_agrees_with_the_installed_pytorch_grad_cam_where_nothing_is_enlarged() -> None:
    """It rectifies before it enlarges; so ours is rectified here, at a layer of the input's size."""
    for ours, other in zip(*against("HiResCAM", "hires_cam", given(drawn(5, 3, 4, 4), drawn(2, 3, 4, 4))), strict=True):
        np.testing.assert_allclose(ours, other, atol=1e-6)


def against(peer: str, name: str, asked: Question) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return our maps and theirs, all stretched to [0, 1]."""
    assert timm, "imported first: where torchvision's extension does not load, the peer cannot be imported otherwise"
    theirs = pytest.importorskip("pytorch_grad_cam")
    outputs = [theirs.utils.model_targets.ClassifierOutputTarget(int(target)) for target in asked.batch.target]
    layer = asked.gate.module.get_submodule(asked.gate.layers()[-1])
    with getattr(theirs, peer)(asked.gate.module, [layer]) as explainer:
        others = explainer(asked.batch.x.clone().requires_grad_(), outputs)
    return [_stretched(one) for one in found(name, asked).relu().numpy()], [_stretched(one) for one in others]


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def _stretched(image: np.ndarray) -> np.ndarray:
    stretched: np.ndarray = (image - image.min()) / (1e-7 + (image - image.min()).max())
    return stretched


class Given(nn.Module):
    """A layer that gives its input on, and a linear rest."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.layer = nn.Identity()
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).flatten(1) @ self.weight.flatten(1).T


def given(x: Tensor, weight: Tensor) -> Question:
    """Ask a network whose layer is the input and whose logits are the products with `weight` (K, C, h, w)."""
    return ask(Given(weight), x.double(), readout="logit", layers=("layer",))


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(31), dtype=torch.float64)


def test_hires_cam_is_complete_before_a_linear_rest_and_signed() -> None:
    asked = given(drawn(5, 3, 4, 4), drawn(2, 3, 4, 4))
    maps = found("hires_cam", asked)
    torch.testing.assert_close(maps.sum((1, 2)), asked.gate.score(asked.batch.x, asked.batch.target))
    assert (maps < 0).any()
    assert methods["hires_cam"].signed


def test_x_grad_cam_is_complete_before_a_linear_rest_where_it_is_not_rectified() -> None:
    """The axiom of conservation that the paper derives its weights from."""
    asked = given(drawn(5, 3, 4, 4).abs(), drawn(2, 3, 4, 4).abs())
    torch.testing.assert_close(
        found("x_grad_cam", asked).sum((1, 2)), asked.gate.score(asked.batch.x, asked.batch.target)
    )


def test_channels_that_give_nothing_leave_the_maps_finite() -> None:
    x = drawn(2, 3, 4, 4)
    x[:, 1] = 0
    x[:, 2, :2], x[:, 2, 2:] = 0.5, -0.5
    for name in ("grad_cam", *SLOW):
        assert found(name, given(x, drawn(2, 3, 4, 4))).isfinite().all()
        assert found(name, given(0 * x, drawn(2, 3, 4, 4))).equal(torch.zeros(2, 4, 4, dtype=torch.float64))


def test_grad_cam_plus_plus_leaves_a_gradient_out_that_curvature_gives_no_weight() -> None:
    """Where 2 + g·a is 0: g = 1 and a = -2, beside a channel of zeros."""
    x, weight = torch.zeros(1, 2, 1, 2).double(), torch.ones(1, 2, 1, 2).double()
    x[0, 0] = torch.tensor([-3.0, 1.0])
    assert found("grad_cam_plus_plus", given(x, weight)).equal(torch.zeros(1, 1, 2).double())


def test_grad_cam_plus_plus_reads_small_gradients_like_large_ones() -> None:
    """With g·a near 0 all weights are half the gradient, however small it is: nothing absolute is added."""
    x, weight = drawn(4, 3, 4, 4), drawn(2, 3, 4, 4)
    small = found("grad_cam_plus_plus", given(x, 1e-9 * weight))
    expected = (weight[0].relu().sum((1, 2)) / 2 * 1e-9 @ x.transpose(0, 1).flatten(1)).reshape(4, 4, 4).relu()
    torch.testing.assert_close(small, expected, rtol=1e-6, atol=0)


def test_eigen_cam_does_not_ask_the_target_and_has_a_positive_sum(layered: Ask) -> None:
    asked = layered("tokens")
    x, target = asked.batch.x, asked.batch.target
    function = methods["eigen_cam"].function
    assert function(asked.gate, x, target).equal(function(asked.gate, x, (target + 1) % 3))
    turned = given(-drawn(5, 3, 4, 4).abs(), drawn(2, 3, 4, 4))
    assert (found("eigen_cam", turned) > 0).all()


def test_maps_of_other_readouts_differ(layered: Ask) -> None:
    """The gradient is that of the task's readout, so the maps are, too; eigen_cam has none."""
    for name in SLOW:
        same = found(name, layered("picture", "logit")).equal(found(name, layered("picture", "probability")))
        assert same == (name == "eigen_cam")
