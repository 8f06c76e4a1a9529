"""A small timm network that counts the faces of mosaics, and how it is trained."""

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import nn

from ..benchmark import Network, model
from .adapters import Pixels, adapt
from .training import Recipe, trained_weights
from .weights import card_of, load_weights

NAME: Final = "faces_resnet"
CLASSES: Final = 4
EXAMPLE: Final = torch.zeros(1, 3, 50, 50)
RECIPE: Final = Recipe(steps=1400, size=48, lr=3e-3, warmup=100, average=0.99)


def resnet() -> nn.Module:
    """Return the residual network, untrained; its last stages are dilated, so that 7 x 7 places reach the end."""
    from ._torchvision import timm

    return timm.create_model(
        "resnet10t",
        pretrained=False,
        num_classes=CLASSES,
        stem_width=8,
        channels=(16, 32, 48, 64),
        output_stride=8,
    )


def train_faces(progress: Callable[[str], None]) -> Mapping[str, object]:
    """Train the network from its seed, examine it, write its weights, and return their card."""
    return trained_weights(NAME, resnet, RECIPE, ("face_batch", "face_accuracies"), progress)


@model(train=train_faces, card=card_of(NAME))
def faces_resnet() -> Network:
    """A ten-layer residual network that counts faces in mosaics of four small pictures, 50 x 50 pixels."""
    return adapt(load_weights(resnet(), NAME).eval(), preprocess=Pixels(), example=EXAMPLE)
