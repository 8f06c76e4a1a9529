"""Pictures whose neighbours are known, and maps that know them."""

from collections.abc import Callable
from math import inf

import torch
from torch import Tensor

from ...benchmark import Differentiable

GREY = 0.5
N = 3


def gradient(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The gradient of the target score."""
    return model.gradient(x, target)


def itself(x: Tensor) -> Tensor:
    """The input itself."""
    return x


def ones(x: Tensor) -> Tensor:
    """One for each element, whatever is asked."""
    return torch.ones_like(x)


def zeros(x: Tensor) -> Tensor:
    """Nothing."""
    return torch.zeros_like(x)


def jump(x: Tensor) -> Tensor:
    """One for each pixel of a grey picture, and four for each of any other."""
    return 1.0 + 3.0 * off_grey(x) * torch.ones_like(x)


def turn(x: Tensor) -> Tensor:
    """All relevance on the first pixel of a grey picture, and on the last of any other."""
    flat = torch.zeros_like(x).flatten(1)
    flat[:, 0], flat[:, -1] = (off_grey(x).flatten() == 0).to(x), off_grey(x).flatten()
    return flat.reshape(x.shape)


def broken(x: Tensor) -> Tensor:
    """One for each pixel of a grey picture, infinite for any other."""
    return torch.ones_like(x).where(off_grey(x) == 0, inf)


def off_grey(x: Tensor, by: float = 0.0) -> Tensor:
    """Return 1 for pictures with a pixel further from grey than that, (N, 1, 1, 1)."""
    return ((x - GREY).abs() > by).flatten(1).any(1).to(x).reshape(-1, 1, 1, 1)


def grey(size: int = 8, count: int = N) -> Tensor:
    """Return grey pictures."""
    return torch.full((count, 1, size, size), GREY)


def pictures() -> Tensor:
    """Return bright pictures of one channel."""
    return 0.5 + 0.5 * torch.rand(N, 1, 6, 6, generator=torch.Generator().manual_seed(91))


def bright(x: Tensor) -> Tensor:
    """Score pictures by their sum, far from where the class would change."""
    return 100 + x.flatten(1).sum(1)


def steadfast(by: float) -> Callable[[Tensor], Tensor]:
    """Make a model that predicts class 0 while no pixel is further from grey than that."""
    return lambda x: 1 - 2 * off_grey(x, by).flatten()


def all_of(value: float | Tensor, *names: str) -> dict[str, Tensor]:
    """Expect one value of all these scores."""
    return {name: torch.as_tensor(value).double().expand(N) for name in names}
