"""Mosaics of two by two small pictures, some of which are faces.

The pictures are scikit-image's `lfw_subset`: 100 faces of Labeled Faces in the Wild and 100 other pieces of its
photographs, grey, 25 x 25 pixels. The class of a mosaic is the number of its faces.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Final

import torch
from skimage.data import lfw_subset
from torch import Tensor

from .._draws import Draws

SIDE: Final = 25
GRID: Final = 2
CELLS: Final = GRID**2
COUNTS: Final = CELLS
"""Classes: 0 to 3 faces. One cell is never a face, so that taking faces away leads from each class to all below."""
SPARE: Final = 8
"""Other pictures without a face, to put in the place of one of the mosaic's."""
OF_A_KIND: Final = 100
SPLITS: Final = {"train": slice(0, 50), "tune": slice(50, 65), "test": slice(65, 100)}
"""Which of the faces, and of the other pictures, in a fixed random order."""


@dataclass(frozen=True, slots=True)
class Mosaics:
    """N mosaics, as numbers of pictures."""

    count: Tensor
    """(N,): how many faces there are, the class."""
    cells: Tensor
    """(N, 4): the picture in each cell, row by row."""
    face: Tensor
    """(N, 4) bool: whether that is a face."""
    spare: Tensor
    """(N, 8): pictures without a face that are not in the mosaic."""

    def __len__(self) -> int:
        """Return the number of mosaics."""
        return len(self.count)

    def __getitem__(self, rows: slice | Tensor | Sequence[int]) -> "Mosaics":
        """Return the mosaics at `rows`, in that order."""
        return Mosaics(*(getattr(self, field.name)[rows] for field in fields(self)))


@cache
def pictures() -> Tensor:
    """Return all pictures (200, 25, 25), the faces first."""
    return torch.from_numpy(lfw_subset()).float()


@cache
def numbers(split: str) -> tuple[Tensor, Tensor]:
    """Return the numbers of a split's faces and of its other pictures."""
    faces, others = (torch.from_numpy(Draws(1, kind, 0).uniform(OF_A_KIND)[0].argsort()) for kind in range(2))
    return faces[SPLITS[split]], OF_A_KIND + others[SPLITS[split]]


def sample_mosaics(n: int, split: str, seed: int, first: int = 0) -> Mosaics:
    """Mosaics first..first+n-1 of the endless sequence that split and seed stand for; no picture is twice in one."""
    faces, others = numbers(split)
    draws = Draws(n, seed, first)
    count = torch.from_numpy(draws.integers(high=COUNTS))
    # The cells in random order: as many of the first as there are faces.
    face = torch.from_numpy(draws.uniform(CELLS).argsort(1).argsort(1)) < count[:, None]
    drawn = [torch.from_numpy(draws.uniform(len(kind)).argsort(1)) for kind in (faces, others)]
    cells = torch.where(face, faces[drawn[0][:, :CELLS]], others[drawn[1][:, :CELLS]])
    return Mosaics(count, cells, face, others[drawn[1][:, CELLS : CELLS + SPARE]])


def compose(cells: Tensor) -> Tensor:
    """Put pictures (N, 4, 25, 25) side by side: (N, 3, 50, 50), with three equal channels as photographs have them."""
    rows = cells.reshape(len(cells), GRID, GRID, SIDE, SIDE).transpose(2, 3)
    return rows.reshape(len(cells), 1, GRID * SIDE, GRID * SIDE).repeat(1, 3, 1, 1)


def places_of_cells() -> Tensor:
    """Return the cell of each pixel of a mosaic, (2500,)."""
    half = torch.arange(GRID * SIDE) // SIDE
    return (GRID * half[:, None] + half).flatten()
