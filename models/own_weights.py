"""Networks whose weights the user has: the folder that HEATPROOF_WEIGHTS names holds NAME.safetensors or NAME.pth.

Nothing is downloaded, and nothing is read before it is needed. The number of classes is that of the weights.
"""

import hashlib
import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, wraps
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..benchmark import Network, Refused, model
from ..benchmark.identity import digest
from .adapters import adapt

VARIABLE: Final = "HEATPROOF_WEIGHTS"
SUFFIXES: Final = (".safetensors", ".pth")
INSIDE: Final = ("state_dict", "model")
"""Where training scripts put the weights among other things."""

Colour = tuple[float, float, float]
IMAGENET: Final[tuple[Colour, Colour]] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF: Final[tuple[Colour, Colour]] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Mean and standard deviation of each channel."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """The preparation of pictures: the middle of them, `crop` of their shorter side, in `size` x `size` pixels.

    `colours` are the mean and standard deviation that are taken out inside the network's gate.
    """

    colours: tuple[Colour, Colour]
    crop: float
    size: int = 224

    @property
    def config(self) -> dict[str, object]:
        """The same in timm's words, which the data are prepared by, too."""
        mean, std = self.colours
        return {"mean": mean, "std": std, "crop_pct": self.crop, "input_size": (3, self.size, self.size)}


def weights_file(name: str) -> Path:
    """Return where the named weights are; Refused, with what to do, where they are not."""
    folder = os.environ.get(VARIABLE, "")
    wanted = " or ".join(f"{name}{suffix}" for suffix in SUFFIXES)
    if not folder:
        raise Refused(f"{name} needs weights that you have: set {VARIABLE} to a folder that holds {wanted}")
    for suffix in SUFFIXES:
        if (file := Path(folder) / f"{name}{suffix}").is_file():
            return file
    raise Refused(f"{name} needs weights that you have: put {wanted} into {folder}, which {VARIABLE} names")


def weights_hash(name: str) -> str:
    """Return the SHA-256 of the named weights; a file is read again only where its size or its time has changed."""
    file = weights_file(name)
    now = file.stat()
    return _sha256(file, now.st_size, now.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(file: Path, _size: int, _changed: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def own(name: str, architecture: str, preparation: Preparation) -> Network:
    """Return a timm architecture with the named weights of the user's; Refused where they are missing or do not fit."""
    from ._torchvision import timm

    file = weights_file(name)
    state = _read(file)
    classifier = f"{timm.models.get_pretrained_cfg_value(architecture, 'classifier')}.weight"
    if classifier not in state:
        raise Refused(f"{file} has no {classifier!r}: expected the state dict of timm's {architecture}")
    with torch.random.fork_rng(devices=[]):
        module: nn.Module = timm.create_model(
            architecture,
            pretrained=False,
            num_classes=len(state[classifier]),
            pretrained_cfg_overlay=preparation.config,
        )
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise Refused(f"{file} does not fit timm's {architecture}: {_short(error)}") from error
    return adapt(module.eval())


def _read(file: Path) -> Mapping[str, Tensor]:
    """Read a state dict, alone or among other things, as a network on one device or on several saves it."""
    try:
        found = load_file(file) if file.suffix == ".safetensors" else torch.load(file, "cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        raise Refused(f"{file} cannot be read as weights: {_short(error)}") from error
    found = next((found[key] for key in INSIDE if isinstance(found, Mapping) and key in found), found)
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise Refused(f"{file} holds a {type(found).__name__}: expected a state dict, from names to tensors")
    return {str(key).removeprefix("module."): value for key, value in found.items()}


def _short(error: Exception) -> str:
    """Return the beginning of a message in one line."""
    words = " ".join(str(error).split())
    return words if len(words) <= 160 else f"{words[:160]} …"


def own_weights(architecture: str, preparation: Preparation) -> Callable[[Callable[[], None]], Callable[[], Network]]:
    """Register a timm architecture with weights of the user's under the name of a function that only describes it."""

    def register(description: Callable[[], None]) -> Callable[[], Network]:
        name = description.__name__

        def files() -> str:
            return digest(architecture, preparation, weights_hash(name))

        @model(files=files)
        @wraps(description, assigned=("__name__", "__qualname__", "__doc__"))
        def build() -> Network:
            return own(name, architecture, preparation)

        return build

    return register


@own_weights("resnet101", Preparation(IMAGENET, crop=0.875))
def imagenet_resnet101() -> None:
    """A residual network of 101 layers on ImageNet, 224 x 224 pixels, with weights that you have."""


@own_weights("vit_base_patch16_224", Preparation(HALF, crop=0.9))
def imagenet_vit_base_patch16_224() -> None:
    """A vision transformer of 12 blocks on ImageNet, 224 x 224 pixels, with weights that you have."""


@own_weights("resnet101", Preparation(HALF, crop=0.875))
def cub_resnet101() -> None:
    """A residual network of 101 layers on the birds of CUB-200-2011, 224 x 224 pixels, with weights that you have."""


@own_weights("resnet101", Preparation(HALF, crop=1.0))
def celeba_resnet101() -> None:
    """A residual network of 101 layers on the identities of CelebA, 224 x 224 pixels, with weights that you have."""


@own_weights("resnet101", Preparation(HALF, crop=1.0))
def vggface2_resnet101() -> None:
    """A residual network of 101 layers on the identities of VGGFace2, 224 x 224 pixels, with weights that you have."""
