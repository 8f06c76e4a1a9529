"""Free scenes: creatures of which every part is drawn for itself, so that no picture belongs to a class."""

from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from .._draws import Draws
from ..creatures.code import PARTS, VARIANTS
from ..creatures.scenes import Scenes, sample_scenes

VARIANT_STREAM: Final = 2
NO_CLASS: Final = -1
COMBINATIONS: Final = VARIANTS ** len(PARTS)
PLACES: Final = torch.tensor([VARIANTS**place for place in reversed(range(len(PARTS)))])
"""The step of a combination's number when a part's variant rises by one: the head counts slowest."""


def free_scenes(n: int, seed: int, first: int = 0) -> Scenes:
    """Scenes first..first+n-1 of the endless sequence that the seed stands for, all 3^5 variants equally likely."""
    variants = Draws(n, seed, first, stream=VARIANT_STREAM).integers(len(PARTS), high=VARIANTS)
    scenes = sample_scenes(n, seed, first)
    return replace(scenes, variants=torch.from_numpy(variants), label=torch.full_like(scenes.label, NO_CLASS))


def combination(variants: Tensor) -> Tensor:
    """Return the number (N,) in 0..242 of each combination of variants (N, 5)."""
    return (variants * PLACES).sum(1)
