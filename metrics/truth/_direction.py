"""Vectors without their length."""

from torch import Tensor


def direction(values: Tensor) -> Tensor:
    """Scale each row (N, U) to length 1, safely for any magnitude; a zero row becomes NaN."""
    bounded = values.double() / values.double().abs().amax(1, keepdim=True)
    return bounded / bounded.square().sum(1, keepdim=True).sqrt()
