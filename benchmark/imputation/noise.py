"""Noise."""

from torch import Tensor

from ..randomness import Rng
from ..registry import imputer
from ._pictures import demand_pictures


@imputer()
def noise(x: Tensor, rng: Rng) -> Tensor:
    """Uniform noise from [0, 1), for each pixel and channel."""
    demand_pictures(x, "range that all its columns share")
    return rng.uniform(*x.shape[1:]).to(x)
