"""Methods of pytorch-grad-cam, whose maps go from 0 to 1, each on its own; layers are brought to the picture's grid."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ...benchmark import GlassBox, Refused, method
from ._library import asking


@method(library="pytorch_grad_cam", paper="arXiv:1610.02391", signed=False, passes=lambda: (1, 1))
def grad_cam(model: GlassBox, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """GradCAM of pytorch-grad-cam, of the last spatial layer."""
    return _map("GradCAM", model, x, target, layer)


@method(library="pytorch_grad_cam", paper="arXiv:1710.11063", signed=False, passes=lambda: (1, 1))
def grad_cam_plus_plus(model: GlassBox, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """GradCAMPlusPlus of pytorch-grad-cam, of the last spatial layer."""
    return _map("GradCAMPlusPlus", model, x, target, layer)


@method(library="pytorch_grad_cam", paper="arXiv:2011.08891", signed=False, passes=lambda: (1, 1))
def hires_cam(model: GlassBox, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """HiResCAM of pytorch-grad-cam, of the last spatial layer, rectified."""
    return _map("HiResCAM", model, x, target, layer)


@method(library="pytorch_grad_cam", paper="arXiv:2008.02312", signed=False, passes=lambda: (1, 1))
def x_grad_cam(model: GlassBox, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """XGradCAM of pytorch-grad-cam, of the last spatial layer."""
    return _map("XGradCAM", model, x, target, layer)


@method(library="pytorch_grad_cam", paper="doi:10.1109/TIP.2021.3089943", signed=False, passes=lambda: (1, 1))
def layer_cam(model: GlassBox, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """LayerCAM of pytorch-grad-cam, of the last spatial layer."""
    return _map("LayerCAM", model, x, target, layer)


@method(library="pytorch_grad_cam", paper="arXiv:2008.00299", signed=False, passes=lambda: (1, 0))
def eigen_cam(model: GlassBox, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """EigenCAM of pytorch-grad-cam, of the last spatial layer, centred, and rectified with whichever sign comes out."""
    return _map("EigenCAM", model, x, target, layer)


@method(library="pytorch_grad_cam", paper="arXiv:1910.01279", signed=False)
def score_cam(model: GlassBox, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """ScoreCAM of pytorch-grad-cam, of the last spatial layer; what a mask hides is black, and each channel a pass."""
    return _map("ScoreCAM", model, x, target, layer, room=1)


@method(library="pytorch_grad_cam", paper="doi:10.1109/WACV45572.2020.9093360", signed=False)
def ablation_cam(model: GlassBox, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """AblationCAM of pytorch-grad-cam, of the last spatial layer; each channel is a pass."""
    return _map("AblationCAM", model, x, target, layer)


def _map(name: str, model: GlassBox, x: Tensor, target: Tensor, layer: str, room: int = 0) -> Tensor:
    """Return the maps (N, 1, H, W) of one of its methods, which is handed so many pictures at a time; 0: all."""
    if x.ndim != 4:
        raise Refused(f"pytorch-grad-cam explains pictures (N, C, H, W), x has shape {tuple(x.shape)}")
    with asking("pytorch_grad_cam") as library, model.lent() as network:
        place = network.layer(layer or model.layers()[-1])
        cam: Any = getattr(library(""), name)(network, [place], reshape_transform=network.grid)
        if name == "AblationCAM":
            _ablate_tokens(cam, place, library("ablation_layer"), network.grid)
        wanted = [library("utils.model_targets").ClassifierOutputTarget(label) for label in target.tolist()]
        size = room or len(x)
        maps = [
            cam(some.requires_grad_(), wanted[i * size : (i + 1) * size]) for i, some in enumerate(torch.split(x, size))
        ]
    return torch.cat([torch.from_numpy(part) for part in maps])[:, None]


def _ablate_tokens(cam: Any, place: nn.Module, layers: Any, grid: Callable[[Tensor], Tensor]) -> None:
    """Let AblationCAM hide channels where a layer has them: with its layer for transformers, behind the tokens."""

    def fit(_part: nn.Module, _inputs: object, output: Tensor) -> None:
        plain = grid(output).shape == output.shape
        cam.ablation_layer = layers.AblationLayer() if plain else layers.AblationLayerVit()

    place.register_forward_hook(fit)
