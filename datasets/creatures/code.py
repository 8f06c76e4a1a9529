"""The class code: each class is a codeword over the five parts, so no part alone names the class.

Two rings of codewords in which neighbours differ in one part. The square (classes 0-3) turns eyes and tail while head,
limbs and wings stay at variant 2; the hexagon (classes 4-9) turns head, limbs and wings while eyes and tail stay at
variant 2. Each class so has exactly two neighbours at distance 1, in two different parts: removing either of these
leaves two classes possible, and removing any of the other three parts alone loses nothing.
"""

from typing import Final

import torch
from torch import Tensor

PARTS: Final = ("head", "eyes", "limbs", "wings", "tail")
VARIANTS: Final = 3
CODE: Final = torch.tensor(
    [
        [2, 0, 2, 2, 0],
        [2, 1, 2, 2, 0],
        [2, 1, 2, 2, 1],
        [2, 0, 2, 2, 1],
        [0, 2, 0, 0, 2],
        [1, 2, 0, 0, 2],
        [1, 2, 1, 0, 2],
        [1, 2, 1, 1, 2],
        [0, 2, 1, 1, 2],
        [0, 2, 0, 1, 2],
    ]
)
CLASSES: Final = len(CODE)


def posterior(variants: Tensor, visible: Tensor) -> Tensor:
    """The class probabilities (N, K) given the visible parts: uniform over the classes that agree with all of them.

    `variants` is (N, 5) int64, `visible` is (N, 5) bool; NaN where no class agrees.
    """
    agrees = (variants[:, None] == CODE) | ~visible[:, None]
    consistent = agrees.all(-1).float()
    return consistent / consistent.sum(-1, keepdim=True)
