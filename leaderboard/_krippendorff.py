"""Krippendorff's alpha: what many raters have in common beyond chance."""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]
Level = Literal["ordinal", "interval"]


def krippendorff_alpha(values: Floats, level: Level = "interval") -> Floats:
    """Return alpha (N,) of values (N, raters, items), NaN where missing; NaN where no item varies or has two values.

    1 - observed / expected disagreement, over the values of items that have at least two. The ordinal difference of two
    values is that of their mid-ranks among all those values, so ordinal alpha is interval alpha of the mid-ranks.
    Source: Krippendorff 2011, Computing Krippendorff's alpha-reliability.
    """
    if level not in get_args(Level):
        raise ValueError(f"unknown level {level!r}: choose one of {', '.join(get_args(Level))}")
    known = np.isfinite(values)
    pairable = known & (known.sum(1, keepdims=True) > 1)
    values = np.where(pairable, values, np.nan)
    if level == "ordinal":
        values = rankdata(values.reshape(len(values), -1), axis=-1, nan_policy="omit").reshape(values.shape)
    of_item = pairable.sum(1)
    count = of_item.sum(1)
    within = (_squares(values, 1) * of_item / np.maximum(of_item - 1, 1)).sum(-1)
    total = _squares(values.reshape(len(values), -1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = 1 - (count - 1) * within / (count * total)
    return np.where(_vary(values, pairable), alpha, np.nan)


def _squares(values: Floats, axis: int) -> Floats:
    """The sum of squares around the mean along an axis, 0 where all are missing."""
    count = np.maximum(np.isfinite(values).sum(axis, keepdims=True), 1)
    centred = values - np.nansum(values, axis, keepdims=True) / count
    return np.asarray(np.nansum(centred**2, axis))


def _vary(values: Floats, pairable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether the pairable values (N, raters, items) of a sample differ: a sum of squares may be rounding."""
    top, bottom = (np.where(pairable, values, end).reshape(len(values), -1) for end in (-np.inf, np.inf))
    return np.asarray(top.max(1) > bottom.min(1))
