"""Random streams: one per sample, drawn on the CPU, seeded by exactly what should change the draw."""

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def seed_of(*parts: object) -> int:
    """Return the 63-bit seed of a stream, a hash of what should change its draws."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Rng:
    """One random stream per sample: every draw has a leading sample axis, and row i depends on stream i alone.

    So a draw never depends on the batch that a sample stands in, nor on its place there.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __len__(self) -> int:
        return len(self._streams)

    def _draw(self, row: Callable[[torch.Generator], Tensor]) -> Tensor:
        return torch.stack([row(stream) for stream in self._streams])

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers, (N, *shape)."""
        return self._draw(lambda stream: torch.randn(shape, generator=stream))

    def uniform(self, *shape: int) -> Tensor:
        """Draw uniform numbers from [0, 1), (N, *shape)."""
        return self._draw(lambda stream: torch.rand(shape, generator=stream))

    def integers(self, high: int, *shape: int) -> Tensor:
        """Draw integers from 0..high-1, (N, *shape)."""
        return self._draw(lambda stream: torch.randint(high, shape, generator=stream))

    def permutation(self, count: int) -> Tensor:
        """Draw a random order of 0..count-1, (N, count)."""
        return self._draw(lambda stream: torch.randperm(count, generator=stream))


def streams(ids: Sequence[str], *parts: object) -> Rng:
    """Return the streams of the samples `ids` for one purpose, which `parts` name (suite seed, part, repeat)."""
    return Rng([seed_of(*parts, sample) for sample in ids])
