"""Two small timm networks that tell the creatures apart, and how they are trained."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Final

import torch
from torch import nn

from ._torchvision import ConvStem, HybridEmbed, timm
from .training import Batches, Progress, Recipe, train
from .weights import load_weights, save_weights

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

    Three small convolutions make the tokens (arXiv:2106.14881): after 1800 steps the training loss is 0.64, with a
    linear patch embedding it was 1.75.
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


def save_creatures(name: str, network: nn.Module, facts: Mapping[str, float]) -> None:
    """Write the weights with a card that holds the measured facts, the size and the recipe."""
    size = sum(parameter.numel() for parameter in network.parameters())
    recipe = RECIPES[name]
    save_weights(network, name, {**facts, "parameters": size, "recipe": asdict(recipe), "seed": recipe.seed})


def load_creatures(name: str) -> nn.Module:
    """Return the named network with its committed weights, in evaluation mode."""
    return load_weights(architecture(name)(), name).eval()
