"""Two small timm networks that tell the creatures apart, and how they are trained."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Final

import torch
from torch import nn

from ..benchmark import Network, model, sources
from .adapters import Pixels, adapt
from .training import Recipe, train
from .weights import card_of, load_weights, save_weights

CLASSES: Final = 10
EXAMPLE: Final = torch.zeros(1, 3, 64, 64)

RECIPES: Final = {
    "creatures_resnet": Recipe(steps=2800, size=128, lr=3e-3),
    "creatures_vit": Recipe(steps=3800, size=64, lr=2e-3),
}


def resnet() -> nn.Module:
    """Return the residual network, untrained; its last stages are dilated, so that 8 x 8 places reach the end."""
    from ._torchvision import timm

    return timm.create_model(
        "resnet10t",
        pretrained=False,
        num_classes=CLASSES,
        stem_width=12,
        channels=(24, 48, 64, 96),
        output_stride=8,
    )


def vit() -> nn.Module:
    """Return the vision transformer, untrained.

    Three small convolutions make the tokens (arXiv:2106.14881): after 1800 steps the training loss is 0.64, with a
    linear patch embedding it was 1.75.
    """
    from ._torchvision import ConvStem, HybridEmbed, timm

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


UNTRAINED: Final = {"creatures_resnet": resnet, "creatures_vit": vit}


def train_creatures(name: str, progress: Callable[[str], None]) -> Mapping[str, object]:
    """Train the named network from its seed, examine it, write its weights, and return their card."""
    recipe, start = RECIPES[name], time.monotonic()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = UNTRAINED[name]()

    def report(step: int, steps: int, loss: float) -> None:
        if step % 100 == 0:
            progress(f"step {step} of {steps}: loss {loss:.3f}")

    trained = train(network, sources["creature_batch"].function, recipe, report)
    facts = {
        **sources["creature_accuracies"].function(trained),
        "parameters": sum(parameter.numel() for parameter in trained.parameters()),
        "recipe": asdict(recipe),
        "minutes": round((time.monotonic() - start) / 60, 1),
    }
    return save_weights(trained, name, facts)


def _ready(name: str) -> Network:
    return adapt(load_weights(UNTRAINED[name](), name).eval(), preprocess=Pixels(), example=EXAMPLE)


@model(train=partial(train_creatures, "creatures_resnet"), card=card_of("creatures_resnet"))
def creatures_resnet() -> Network:
    """A ten-layer residual network on creatures, 64 x 64 pixels."""
    return _ready("creatures_resnet")


@model(train=partial(train_creatures, "creatures_vit"), card=card_of("creatures_vit"))
def creatures_vit() -> Network:
    """A three-block vision transformer with a class token and 8 x 8 tokens on creatures, 64 x 64 pixels."""
    return _ready("creatures_vit")
