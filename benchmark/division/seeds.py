"""SEEDS."""

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ..errors import Refused
from ..registry import divider
from ._superpixels import Colours, demand_pictures, each

LEVELS, ROUNDS = 3, 10
"""As in the code of SMDL-Attribution."""
SIDE, LONGEST, MOST = 224, 4, 400
"""OpenCV ends the process on small pictures (opencv_contrib, issue 2023): they are enlarged, what is far from the
pictures that it was tried on is refused."""


@divider(paper="arXiv:1309.3848")
def seeds(x: Tensor, *, pieces: int = 50) -> Tensor:
    """Superpixels by energy-driven sampling (SEEDS), at most about so many; needs OpenCV with its contrib modules.

    Pictures whose shorter side is under 224 pixels are cut after they were enlarged. Sides of more than 1 to 4 and more
    than 400 pieces are refused.
    """
    demand_pictures(x, pieces)
    height, width = x.shape[2:]
    if pieces > MOST or max(height, width) > LONGEST * min(height, width):
        raise Refused(f"OpenCV may crash on {pieces} pieces of {height} x {width} pixels: use `slico`")
    opencv = _opencv()
    return each(x, lambda colours: _labels(opencv, colours, pieces))


def _labels(opencv: ModuleType, colours: Colours, pieces: int) -> npt.NDArray[Any]:
    picture = np.ascontiguousarray((colours[:, :, ::-1] * 255).round().astype(np.uint8))
    height, width = (side * max(1, -(-SIDE // min(picture.shape[:2]))) for side in picture.shape[:2])
    large = opencv.resize(picture, (width, height)).reshape(height, width, -1)
    superpixels = opencv.ximgproc.createSuperpixelSEEDS(width, height, large.shape[2], pieces, LEVELS)
    superpixels.iterate(large, ROUNDS)
    labels: npt.NDArray[Any] = superpixels.getLabels()
    step = height // len(picture)
    return labels[step // 2 :: step, step // 2 :: step]


def _opencv() -> ModuleType:
    try:
        import cv2
        import cv2.ximgproc
    except ImportError:
        raise Refused(
            "SEEDS needs OpenCV with its contrib modules: pip install opencv-contrib-python-headless, or use `slico`"
        ) from None
    return cv2
