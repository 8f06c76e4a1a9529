"""Error against exact values."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ...benchmark import metric, per_unit
from ._concepts import exact


@metric(better="lower", scale_free=False, passes=lambda: (0, 0))
def value_error(
    attribution: Tensor, values: Mapping[str, Tensor], parts: Tensor, *, concept: str = "shapley"
) -> Tensor:
    """The distance of the units' relevance from the exact values of a concept, relative to their length.

    0 is exact, 1 as far as a zero map; NaN where the exact values are zero. Its square, times the mean square of the
    exact values, is the mean squared error that others report.
    """
    true = exact(values, concept).double()
    length = true.square().sum(1).sqrt()
    distance = (per_unit(attribution, parts, true.shape[1]) - true).square().sum(1).sqrt()
    return distance / length.where(length > 0, torch.nan)
