"""Vectors without their mean and their length."""

from torch import Tensor

from ...benchmark import snapped


def centred(values: Tensor, rounding: float = 0.0) -> Tensor:
    """Take the mean off each row (N, U) and scale it to length 1, safely for any magnitude.

    A row whose values are all equal, but for rounding (see `snapped`), becomes zero.
    """
    level = snapped(values, rounding)
    constant = (level == level[:, :1]).all(1, keepdim=True)
    bounded = values.double() / values.double().abs().amax(1, keepdim=True)
    moved = bounded - bounded.mean(1, keepdim=True)
    return (moved / moved.square().sum(1, keepdim=True).sqrt()).masked_fill(constant, 0.0)


def agreement(found: Tensor, true: Tensor, rounding: float) -> Tensor:
    """Return the cosine (N,) of rows without their mean: 0 where nothing is found, NaN where nothing is true.

    `rounding` is that of what is true.
    """
    wanted = centred(true, rounding)
    return (centred(found) * wanted).sum(1).masked_fill((wanted == 0).all(1), float("nan"))
