"""Masks that are not made of units: what they hide, and how a model is asked about many of them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...benchmark import BlackBox, Refused, like_input

NUMBERS = 1 << 20
"""The copies of the inputs that are made at a time hold about so many numbers."""


@dataclass(frozen=True)
class Hidden:
    """Inputs behind masks: 1 keeps an element, 0 puts the baseline there, and what is between mixes both."""

    model: BlackBox
    x: Tensor
    target: Tensor
    baseline: Tensor

    @property
    def room(self) -> int:
        """The masks of each sample to ask about at a time."""
        return max(1, NUMBERS // max(self.x.numel(), 1))

    def scores(self, masks: Tensor) -> Tensor:
        """Return the target's scores (N, M) of each input behind its masks (N, M, E), or behind shared ones (M, E)."""
        some = torch.split(masks.expand(len(self.x), -1, -1), self.room, 1)
        return torch.cat([self._scores(part) for part in some], 1)

    def _scores(self, masks: Tensor) -> Tensor:
        copies = mixed(self.x[:, None], self.baseline[:, None], _beside_copies(masks, self.x))
        target = self.target.repeat_interleave(masks.shape[1])
        return self.model.score(copies.flatten(0, 1), target).reshape(masks.shape[:2])


def _beside_copies(masks: Tensor, x: Tensor) -> Tensor:
    """View masks (N, M, E) so that they broadcast against copies (N, M, …) of x."""
    viewed = like_input(masks.flatten(0, 1), x[:1].expand(masks.shape[:2].numel(), *x.shape[1:]))
    return viewed.reshape(*masks.shape[:2], *viewed.shape[1:])


def mixed(x: Tensor, baseline: Tensor, mask: Tensor) -> Tensor:
    """Return the input where the mask is 1, the baseline where it is 0, exactly, and both in between; like x."""
    if mask.dtype == torch.bool:
        return torch.where(mask, x, baseline)
    if not x.is_floating_point():
        raise Refused("tokens are there or not, and cannot be faded: use a method that hides whole units")
    return torch.lerp(baseline, x, mask.to(x.dtype))
