"""Generated creatures: pictures of which it is known what makes the class."""

from .code import CLASSES, CODE, PARTS, VARIANTS, posterior
from .render import render
from .scenes import BODY, DISTRACTORS, SIZE, UNITS, Scenes, sample_scenes
from .training import creature_batch, training_keep

__all__ = [
    "BODY",
    "CLASSES",
    "CODE",
    "DISTRACTORS",
    "PARTS",
    "SIZE",
    "UNITS",
    "VARIANTS",
    "Scenes",
    "creature_batch",
    "posterior",
    "render",
    "sample_scenes",
    "training_keep",
]
