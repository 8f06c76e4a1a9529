"""Two small timm networks that tell the creatures apart, and how they are trained."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ._torchvision import ConvStem, HybridEmbed, timm
from .training import Batches, Progress, Recipe, train

CLASSES: Final = 10

RECIPES: Final = {
    "creatures_resnet": Recipe(steps=2800, size=128, lr=3e-3),
    "creatures_vit": Recipe(steps=3800, size=64, lr=2e-3),
}


def creatures_resnet() -> nn.Module:
    """A ten-layer residual network for 64 x 64 pixels, untrained."""
    return timm.create_model(
        "resnet10t", pretrained=False, num_classes=CLASSES, stem_width=12, channels=(24, 48, 96, 160)
    )


def creatures_vit() -> nn.Module:
    """A vision transformer with a class token and 8 x 8 tokens for 64 x 64 pixels, untrained.

    Three small convolutions make the tokens (arXiv:2106.14881): with a linear patch embedding the same recipe was far
    from done where this one is.
    """
    stem = ConvStem(channels=(24, 48, 96), act_layer=nn.GELU)
    return timm.create_model(
        "vit_tiny_patch16_224",
        pretrained=False,
        num_classes=CLASSES,
        img_size=64,
        patch_size=1,
        embed_layer=partial(HybridEmbed, backbone=stem, proj=False),
        embed_dim=96,
        depth=3,
        num_heads=4,
        mlp_ratio=2,
    )


ARCHITECTURES: Final = {build.__name__: build for build in (creatures_resnet, creatures_vit)}


def architecture(name: str) -> Callable[[], nn.Module]:
    """Return the function that builds the named network."""
    if name not in ARCHITECTURES:
        raise ValueError(f"{name!r} is no creature network, expected one of {sorted(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def train_creatures(name: str, batches: Batches, progress: Progress | None = None) -> nn.Module:
    """Build and train the named network on the creatures' training batches, deterministically."""
    build, recipe = architecture(name), RECIPES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = build()
    return train(network, batches, recipe, progress)


def weights_path(name: str) -> Path:
    """Where the named network's committed weights lie."""
    return Path(__file__).parent / "weights" / f"{name}.safetensors"


def save_creatures(name: str, network: nn.Module, facts: Mapping[str, float]) -> None:
    """Write the weights and, beside them, their hash, recipe and the measured facts about them."""
    path = weights_path(name)
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
    about = {
        "sha256": sha256(path.read_bytes()).hexdigest(),
        **facts,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "recipe": asdict(RECIPES[name]),
        "seed": RECIPES[name].seed,
    }
    path.with_suffix(".json").write_text(json.dumps(about, indent=2) + "\n")


def load_creatures(name: str) -> nn.Module:
    """Return the named network with its committed weights, in evaluation mode."""
    network = architecture(name)()
    network.load_state_dict(load_file(weights_path(name)))
    return network.eval()
