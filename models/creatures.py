"""Two small timm networks that tell the creatures apart, and how they are trained."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn

from ..benchmark import Network, model, sources
from ..benchmark.evidence import certainty
from .adapters import Pixels, adapt
from .evidential import (
    DECIDED,
    HeadRecipe,
    above,
    evidential,
    fitted,
    last_linear,
    name_of,
    save_head,
    seen,
    stored_head,
    with_head,
)
from .training import Recipe, trained_weights
from .weights import card_of, load_weights

CLASSES: Final = 10
EXAMPLE: Final = torch.zeros(1, 3, 64, 64)

RECIPES: Final = {
    "creatures_resnet": Recipe(steps=2800, size=128, lr=3e-3),
    "creatures_vit": Recipe(steps=3800, size=64, lr=2e-3),
}
HEAD: Final = HeadRecipe()
EXAM: Final = 104
"""The seed of the pictures that the heads are examined on."""
TOGETHER: Final = 256


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
    return trained_weights(name, UNTRAINED[name], RECIPES[name], ("creature_batch", "creature_accuracies"), progress)


def train_head(name: str, progress: Callable[[str], None]) -> Mapping[str, object]:
    """Train the evidential head of the named network, examine it, write its weights, and return their card."""
    module = _loaded(name)
    network = _adapted(module)
    features, target, _ = taken(network, HEAD.inputs, HEAD.seed)
    progress(f"features of {len(features)} pictures")
    head = fitted(last_linear(module)[1], features, target, HEAD, progress)
    facts = {**examined(network, head), **sources["creature_accuracies"].function(with_head(module, head))}
    return save_head(head, name, HEAD, facts)


def taken(network: Network, count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return a network's features (N, F) of training pictures, their posterior (N, K), and how many parts are missing.

    Scenes have lost none of their parts, or some, or all.
    """
    some: list[tuple[Tensor, Tensor, Tensor]] = []
    for step in range(count // TOGETHER):
        x, target, parts = sources["creature_batch"].function(step, TOGETHER, seed)
        some.append((seen(network, x), target, parts[..., -1].sum(1)))
    features, targets, missing = (torch.cat(each) for each in zip(*some, strict=True))
    return features, targets, missing


def examined(network: Network, head: nn.Linear, count: int = 4096) -> dict[str, object]:
    """Return how sure a head is of scenes that it was not trained on, and of a grey picture."""
    features, target, missing = taken(network, count, EXAM)
    sure, decided = certainty(head(features)), target.amax(1) > DECIDED
    means = {
        "decided": sure[decided].mean(),
        "undecided": sure[~decided].mean(),
        **{f"missing_{parts}_parts": sure[missing == parts].mean() for parts in range(int(missing.max()) + 1)},
        "grey": certainty(head(seen(network, torch.full_like(EXAMPLE, 0.5))))[0],
    }
    return {
        "confidence": {name: round(float(mean), 3) for name, mean in means.items()},
        "decided_above_undecided": round(above(sure[decided], sure[~decided]), 4),
    }


def _loaded(name: str) -> nn.Module:
    return load_weights(UNTRAINED[name](), name).eval()


def _adapted(module: nn.Module, head: nn.Module | None = None) -> Network:
    return adapt(module, preprocess=Pixels(), example=EXAMPLE, evidential=head)


def _ready(name: str) -> Network:
    module = _loaded(name)
    return _adapted(module, stored_head(name, module))


RESNET: Final = "creatures_resnet"
VIT: Final = "creatures_vit"


@model(train=partial(train_creatures, RESNET), card=card_of(RESNET), beside=(card_of(name_of(RESNET)),))
def creatures_resnet() -> Network:
    """A ten-layer residual network on creatures, 64 x 64 pixels."""
    return _ready(RESNET)


@model(train=partial(train_creatures, VIT), card=card_of(VIT), beside=(card_of(name_of(VIT)),))
def creatures_vit() -> Network:
    """A three-block vision transformer with a class token and 8 x 8 tokens on creatures, 64 x 64 pixels."""
    return _ready(VIT)


@model(train=partial(train_head, RESNET), card=card_of(name_of(RESNET)), beside=(card_of(RESNET),))
def creatures_resnet_evidential() -> Network:
    """The residual network on creatures with its evidential head as the last layer: its logits are evidence."""
    return _adapted(evidential(RESNET, _loaded(RESNET)))


@model(train=partial(train_head, VIT), card=card_of(name_of(VIT)), beside=(card_of(VIT),))
def creatures_vit_evidential() -> Network:
    """The vision transformer on creatures with its evidential head as the last layer: its logits are evidence."""
    return _adapted(evidential(VIT, _loaded(VIT)))
