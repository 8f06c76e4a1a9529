"""Random numbers of endless sequences of made samples: those of each place can be had without those before."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

DRAWS: Final = 160
"""Uniform numbers reserved per sample."""

Floats: TypeAlias = NDArray[np.float64]


class Draws:
    """Uniform numbers of n samples, handed out column by column; row i depends only on seed, stream and first + i."""

    def __init__(self, n: int, seed: int, first: int, stream: int = 0) -> None:
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed is {seed}, expected 0 <= seed < 2**64; choose another")
        # Philox is counter-based: four numbers per step of the counter, so a sample's row can be reached directly.
        bits = np.random.Philox(key=seed + (stream << 64)).advance(first * DRAWS // 4)
        self.values = np.random.Generator(bits).random((n, DRAWS))
        self.used = 0

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Floats:
        """Return the next numbers as (n, *shape), uniform over [low, high)."""
        count = int(np.prod(shape, dtype=int))
        taken = self.values[:, self.used : self.used + count].reshape(-1, *shape)
        self.used += count
        return low + (high - low) * taken

    def integers(self, *shape: int, high: int) -> NDArray[np.int64]:
        """Return the next numbers as (n, *shape) int64, uniform over 0..high-1."""
        return self.uniform(*shape, high=high).astype(np.int64)

    def turns(self, *shape: int, limit: float) -> Floats:
        """Return (cosine, sine) pairs; the tangent of the half-angle is uniform: nothing transcendental to round."""
        tangent = self.uniform(*shape, low=-limit, high=limit)
        square = tangent * tangent
        return np.stack([1 - square, 2 * tangent], -1) / (1 + square)[..., None]
