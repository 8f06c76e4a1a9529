"""Elements, units and what removing them means.

Elements are an input's places (pixels, columns, tokens), channels taken together, flattened to (N, E). Units are
integer label maps over them. Nothing here reads an area or a mask from pixel values.
"""

from math import prod

import torch
from torch import Tensor

CANCELLED = 2.0**-40
"""A sum below this share of the magnitudes that it is made of is the rounding of double precision."""


def element_count(x: Tensor) -> int:
    """Return how many elements a sample of `x` has: its pixels (N, C, H, W), or its columns or tokens (N, D)."""
    return prod(x.shape[2:]) if x.ndim > 2 else prod(x.shape[1:])


def like_input(elements: Tensor, x: Tensor) -> Tensor:
    """View something per element (N, E) so that it broadcasts against `x`."""
    return elements.reshape(len(elements), 1, *x.shape[2:]) if x.ndim > 2 else elements.reshape(x.shape)


def to_elements(attribution: Tensor, x: Tensor, units: Tensor) -> Tensor:
    """Bring an attribution that is shaped like `x`, (N, E) or (N, U) to elements (N, E), in double precision.

    Channels are summed; the relevance of a unit is spread evenly over its elements, so that its sum stays.
    Any other shape is a ValueError.
    """
    n, elements, count = len(x), units.shape[1], unit_count(units)
    # Before anything is summed: half precision, in which networks may run, ends at 65504 and has three digits.
    attribution = attribution.double()
    if attribution.shape == x.shape and x.ndim > 2:
        return attribution.sum(1).reshape(n, elements)
    if attribution.shape in (x.shape, (n, elements)):
        return attribution.reshape(n, elements)
    if x.ndim > 2 and attribution.shape == (n, 1, *x.shape[2:]):
        return attribution.reshape(n, elements)
    if attribution.shape == (n, count):
        return spread(attribution, units)
    raise ValueError(
        f"the attribution has shape {tuple(attribution.shape)}; expected {tuple(x.shape)} like x, "
        f"or {(n, count)}, one value per unit"
    )


def unit_count(units: Tensor) -> int:
    """Return the number of units, the same for all samples of a batch."""
    return int(units.max()) + 1 if units.numel() else 0


def areas(units: Tensor, count: int | None = None) -> Tensor:
    """Return how many elements each unit has, (N, U) int64; elements labelled -1 belong to none."""
    return per_unit(torch.ones_like(units), units, count)


def per_unit(elements: Tensor, units: Tensor, count: int | None = None) -> Tensor:
    """Sum something over the elements of each unit: (N, E) to (N, U); elements labelled -1 belong to none.

    What cancels but for rounding makes zero, or else rounding would rank it.
    """
    count = unit_count(units) if count is None else count
    label = torch.where(units < 0, count, units)
    total = _summed(elements, label, count)
    return uncancelled(total, _summed(elements.abs(), label, count)) if elements.is_floating_point() else total


def _summed(elements: Tensor, label: Tensor, count: int) -> Tensor:
    return elements.new_zeros(len(label), count + 1).scatter_add_(1, label, elements)[:, :count]


def uncancelled(total: Tensor, magnitude: Tensor) -> Tensor:
    """Return sums of numbers, zero where they are but the rounding of the sum of these numbers' magnitudes."""
    return total.masked_fill(total.abs() < CANCELLED * magnitude, 0.0)


def at_elements(values: Tensor, units: Tensor) -> Tensor:
    """Give every element the value of its unit: (N, U) to (N, E); elements of no unit get zero."""
    padded = torch.cat([values, values.new_zeros(len(values), 1)], 1)
    return padded.gather(1, torch.where(units < 0, values.shape[1], units))


def spread(values: Tensor, units: Tensor) -> Tensor:
    """Spread the value of each unit evenly over its elements: (N, U) to (N, E), in double precision."""
    return at_elements(values.double() / areas(units, values.shape[1]).clamp(min=1), units)


def grid_units(x: Tensor, size: int) -> Tensor:
    """Label square patches of `size` pixels row by row: images (N, C, H, W) to units (N, H*W)."""
    height, width = x.shape[-2:]
    rows, columns = torch.arange(height) // size, torch.arange(width) // size
    labels = rows[:, None] * (int(columns[-1]) + 1) + columns
    return labels.reshape(1, -1).expand(len(x), -1)


def column_units(x: Tensor) -> Tensor:
    """Make every column, or token, a unit of its own: (N, D) to (N, D)."""
    return torch.arange(element_count(x)).expand(len(x), -1)


def impute(x: Tensor, baseline: Tensor, kept: Tensor) -> Tensor:
    """Replace the elements that are not `kept` (N, E) bool by the baseline's."""
    return torch.where(like_input(kept, x), x, baseline)
