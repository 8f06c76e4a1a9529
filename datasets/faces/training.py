"""Training batches of mosaics, and what the model gate asks of a network that was trained on them."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, one_hot

from ...benchmark import streams, training_data
from .._draws import Draws
from .mosaics import CELLS, COUNTS, Mosaics, compose, pictures, sample_mosaics

EXAM_SEED = 103
EXAM = 2000
VARIATION = 1
"""The stream of the changes that pictures undergo in training."""
BLACK = 0.2
"""The share of the pictures without a face that are black in training: what methods and metrics put for the hidden."""
NOISE = 0.1
"""The largest standard deviation of the noise in training; half of the pictures have none."""


def varied(mosaics: Mosaics, seed: int, first: int) -> Tensor:
    """Return the pictures (N, 4, 25, 25) of mosaics, by chance mirrored, moved, turned, in other light and noisy."""
    draws = Draws(len(mosaics), seed, first, stream=VARIATION)

    def drawn(low: float, high: float) -> Tensor:
        return torch.from_numpy(draws.uniform(CELLS, low=low, high=high)).float()

    side = (drawn(-1, 1) < 0).float() * 2 - 1
    scale, turn, across, down = drawn(0.85, 1.15), drawn(-0.2, 0.2), drawn(-0.2, 0.2), drawn(-0.2, 0.2)
    there = torch.stack([scale * side, turn * side, across, -turn, scale, down], -1).reshape(*scale.shape, 2, 3)
    gain, offset, gamma = (drawn(*limits)[..., None, None] for limits in ((0.7, 1.3), (-0.12, 0.12), (0.75, 1.33)))
    lit = gain * moved(pictures()[mosaics.cells], there) ** gamma + offset
    sigma = drawn(-NOISE, NOISE).clamp(min=0)[..., None, None]
    noise = streams([str(first + row) for row in range(len(mosaics))], seed, "noise").normal(*lit.shape[1:])
    black = (drawn(0, 1) < BLACK) & ~mosaics.face
    return torch.where(black[..., None, None], 0.0, lit + sigma * noise).clamp(0, 1)


def moved(cells: Tensor, there: Tensor) -> Tensor:
    """Return pictures (N, 4, 25, 25) moved by affine maps (N, 4, 2, 3) of their coordinates, mirrored at borders."""
    given = cells.flatten(0, 1)[:, None]
    grid = affine_grid(there.flatten(0, 1), list(given.shape), align_corners=False)
    return grid_sample(given, grid, padding_mode="reflection", align_corners=False).reshape(cells.shape).clamp(0, 1)


@training_data
def face_batch(step: int, size: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The step-th batch: mosaics (N, 3, 50, 50), the number of faces (N, 4) and whether each cell is one (N, 4, 2).

    Both are one-hot.
    """
    mosaics = sample_mosaics(size, "train", seed, first=step * size)
    x = compose(varied(mosaics, seed, step * size))
    return x, one_hot(mosaics.count, COUNTS).float(), one_hot(mosaics.face.long(), 2).float()


@torch.no_grad()
def accuracies(predict: Callable[[Tensor], Tensor], mosaics: Mosaics) -> dict[str, float]:
    """Return the share of mosaics that are counted right: whole, and with something else for some of their pictures.

    Evidence only: black, or other pictures, for all that are no faces. Evidence removed: other pictures for the faces;
    then only those mosaics can be counted right that never had any.
    """
    face, whole, other = mosaics.face[..., None, None], pictures()[mosaics.cells], pictures()[mosaics.spare[:, :CELLS]]
    shown = {
        "accuracy": whole,
        "accuracy_evidence_only": whole * face,
        "accuracy_other_pictures": torch.where(face, whole, other),
        "accuracy_evidence_removed": torch.where(face, other, whole),
    }
    found = {
        name: [predict(compose(some)).argmax(1) for some in torch.split(cells, 200)] for name, cells in shown.items()
    }
    return {name: float((torch.cat(given) == mosaics.count).double().mean()) for name, given in found.items()}


@training_data
def face_accuracies(network: Callable[[Tensor], Tensor]) -> dict[str, float]:
    """The accuracies that the model gate asks of a network, on 2000 mosaics of pictures of the split `test`."""
    return {**accuracies(network, sample_mosaics(EXAM, "test", EXAM_SEED)), "chance": 1 / COUNTS}
