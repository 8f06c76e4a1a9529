"""The score and its gradient at many points, many in one call where they are few or small."""

from collections.abc import Iterable, Iterator
from itertools import islice

import torch
from torch import Tensor

from ..benchmark import Differentiable

NUMBERS = 1 << 20
"""A call holds about so many numbers, and at least a point of every sample."""


def at_points(model: Differentiable, points: Iterable[Tensor], target: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the target score (N,) and its gradient at each of many points (N, …): a pass each, forward and back."""
    waiting = iter(points)
    for first in waiting:
        more = islice(waiting, max(0, NUMBERS // first.numel() - 1))
        some = torch.stack([first, *more])
        scores, gradients = score_and_gradient(model, some.flatten(0, 1), target.repeat(len(some)))
        yield from zip(scores.reshape(len(some), -1), gradients.reshape(some.shape), strict=True)


def score_and_gradient(model: Differentiable, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the target score (N,) and its gradient, like x, from the same passes."""
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        score = model.score(leaf, target)
        (gradient,) = torch.autograd.grad(score.sum(), leaf)
    return score.detach(), gradient
