"""Distorted truths: what somebody who knows the answer could say instead of it, in the hope of a higher score."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ._judge import Values

NOISE = (0.1, 0.3, 1.0)
"""The standard deviations of noise, as shares of the root mean square of a sample's truth."""


def distorted(values: Values) -> Iterator[tuple[str, Values]]:
    """Return distorted truths, each by its name."""
    for name, change in CHANGES.items():
        yield name, [change(each) for each in values]
    stream = torch.Generator().manual_seed(0)
    for share in NOISE:
        yield f"truth with {share:g} of noise", [_noisy(each, share, stream) for each in values]
    if len(values) == 2:
        asked, rival = values
        yield "contrastive truth", [asked - rival, rival - asked]
        one, other = _direction(asked), _direction(rival)
        yield "contrastive truth of equal lengths", [one - other, other - one]
        yield "truth against its opposite", [asked, -asked]
        yield "truth about the target alone", [asked, torch.zeros_like(rival)]


def _largest(values: Tensor) -> Tensor:
    return values.where(values.abs() == values.abs().amax(1, keepdim=True), 0.0)


def _direction(values: Tensor) -> Tensor:
    length = values.square().sum(1, keepdim=True).sqrt()
    return values / length.where(length > 0, 1.0)


def _noisy(values: Tensor, share: float, stream: torch.Generator) -> Tensor:
    size = values.square().mean(1, keepdim=True).sqrt()
    return values + share * size * torch.randn(values.shape, generator=stream, dtype=values.dtype)


CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "squared truth": lambda values: values * values.abs(),
    "square root of the truth": lambda values: values.sign() * values.abs().sqrt(),
    "largest part of the truth": _largest,
    "positive part of the truth": lambda values: values.clamp(min=0),
    "magnitude of the truth": lambda values: values.abs(),
    "truth without its mean": lambda values: values - values.mean(1, keepdim=True),
}
