"""Real faces among other pictures: mosaics of which it is known where the faces are."""

from .mosaics import CELLS, COUNTS, SIDE, SPARE, SPLITS, Mosaics, compose, numbers, pictures, sample_mosaics
from .training import accuracies, face_accuracies, face_batch

__all__ = [
    "CELLS",
    "COUNTS",
    "SIDE",
    "SPARE",
    "SPLITS",
    "Mosaics",
    "accuracies",
    "compose",
    "face_accuracies",
    "face_batch",
    "numbers",
    "pictures",
    "sample_mosaics",
]
