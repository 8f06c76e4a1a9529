"""Parts of a picture with a margin around them."""

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ...benchmark import Refused, element_count


def grown(parts: Tensor, count: int, x: Tensor, tolerance: int) -> Tensor:
    """Return parts (N, E) with the pixels of no part that are within `tolerance` of one part alone, in pixels.

    The distance is that of a king in chess: the larger of rows and columns. Pixels of a part stay.
    """
    if tolerance < 0:
        raise ValueError(f"tolerance is {tolerance}; expected a number of pixels, at least 0")
    if tolerance == 0:
        return parts
    if x.ndim != 4:
        raise Refused(f"a tolerance is in pixels of a picture (N, C, H, W); x has shape {tuple(x.shape)}")
    owned = (parts[:, None] == torch.arange(count, device=parts.device)[:, None]).float()
    side = 2 * tolerance + 1
    near = max_pool2d(owned.reshape(len(x), count, *x.shape[2:]), side, stride=1, padding=tolerance)
    near = near.reshape(len(x), count, element_count(x))
    return torch.where(near.sum(1) == 1, near.argmax(1), parts)
