"""Masks that are learned by gradient descent, every sample's own."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch.optim import Optimizer

from ...benchmark import Differentiable, imputers
from ._masks import mixed

ROUNDING = 1e-6
"""A change of the score below this share of it is taken for rounding."""


@dataclass(frozen=True)
class Fading:
    """Inputs that fade, where a mask is below 1, to what stands in for them."""

    model: Differentiable
    x: Tensor
    target: Tensor
    hidden: Tensor
    change: Tensor
    """(N,): how much the score changes when everything fades. In this unit, weights mean the same for every readout."""

    @property
    def sides(self) -> tuple[int, ...]:
        """The sides of pictures; of a table, none."""
        return tuple(self.x.shape[2:]) if self.x.ndim == 4 else ()

    def start(self, cells: tuple[int, ...], value: float) -> Tensor:
        """Return masks of one value: pictures' (N, 1, *cells), a table's like the table."""
        return torch.full((len(self.x), 1, *cells) if self.sides else self.x.shape, value, dtype=torch.float64)

    def enlarged(self, mask: Tensor) -> Tensor:
        """Return a picture's mask at its pixels, and a table's as it is."""
        return interpolate(mask, size=self.sides, mode="bilinear", align_corners=False) if self.sides else mask

    def share(self, mask: Tensor, moved: Callable[[Tensor], Tensor] = lambda picture: picture) -> Tensor:
        """Return what is left (N,) of the score's change behind the mask; the picture may be moved under it."""
        seen = mixed(moved(self.x), moved(self.hidden), mask)
        return self.model.score(seen, self.target) / self.change


def fading(model: Differentiable, x: Tensor, target: Tensor, baseline: Tensor, deletion: str) -> Fading:
    """Return inputs that fade to the task's baseline or to a blurred copy; two passes."""
    if deletion not in ("baseline", "blur"):
        raise ValueError(f"deletion {deletion!r} is unknown; choose one of baseline, blur")
    hidden: Tensor = imputers["blur"].function(x) if deletion == "blur" else baseline
    scores = torch.stack([model.score(x, target), model.score(hidden, target)])
    least = (ROUNDING * scores.abs().amax(0)).clamp(min=torch.finfo(scores.dtype).tiny)
    return Fading(model, x, target, hidden, (scores[0] - scores[1]).abs().maximum(least))


def descended(mask: Tensor, steps: int, optimiser: Optimizer, loss: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Return masks after so many steps down their losses (N,), each the same as if it were alone; kept in [0, 1].

    The optimiser works on every element by itself, as Adam and SGD do.
    """
    for step in range(steps):
        with torch.enable_grad():
            (mask.grad,) = torch.autograd.grad(loss(mask.requires_grad_(), step).sum(), mask)
        optimiser.step()
        mask.detach_().clamp_(0, 1)
    return mask
