"""The corridor around the straight line that guided integrated gradients walk in, for every sample at once."""

from dataclasses import dataclass
from math import floor

import torch
from torch import Tensor

CLOSE = 1e-9
"""A step is done when it lacks less than this share of the whole way."""


@dataclass(frozen=True, slots=True)
class Corridor:
    """From `start` to `end` (N, E), where no element's progress may be further than `width` from its due.

    At a time, the `fraction` of elements with the least gradient moves.
    """

    start: Tensor
    end: Tensor
    fraction: float
    width: float

    def onward(self, at: Tensor, steepness: Tensor, due: float) -> Tensor:
        """Return the point after `at` whose L1 distance to the end is the share 1 - due of the whole."""
        low, high = (torch.lerp(self.start, self.end, min(max(due + side, 0.0), 1.0)) for side in self._sides)
        whole = (self.end - self.start).abs().sum(1)
        at = torch.where((at - self.end).abs() > (low - self.end).abs(), low, at)
        while True:
            lack = (at - self.end).abs().sum(1) - (1 - due) * whole
            steep = torch.where(at == high, torch.inf, steepness).nan_to_num(torch.inf, torch.inf)
            chosen = (steep <= self._least(steep)) & steep.isfinite() & (lack > CLOSE * whole)[:, None]
            if not chosen.any():
                return at
            way = (high - at) * chosen
            share = (lack / way.abs().sum(1))[:, None]
            at = torch.where(chosen, torch.where(share >= 1, high, at + share * way), at)

    @property
    def _sides(self) -> tuple[float, float]:
        return -self.width, self.width

    def _least(self, steep: Tensor) -> Tensor:
        """Return the lower quantile of each sample."""
        rank = floor(self.fraction * (steep.shape[1] - 1)) + 1
        return steep.kthvalue(rank, 1, keepdim=True).values
