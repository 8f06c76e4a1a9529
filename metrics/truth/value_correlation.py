"""Correlation with exact values."""

from collections.abc import Mapping

from torch import Tensor

from ...benchmark import metric, per_unit, rounding_of
from ._centred import agreement
from ._concepts import exact


@metric(better="higher", passes=lambda: (0, 0), chance=0.0)
def value_correlation(
    attribution: Tensor, values: Mapping[str, Tensor], parts: Tensor, *, concept: str = "shapley"
) -> Tensor:
    """Pearson's correlation of the units' relevance with the exact values of a concept; 0 for equal relevance.

    In [-1, 1]; NaN where the exact values are the same for all units.
    """
    true = exact(values, concept)
    return agreement(per_unit(attribution, parts, true.shape[1]), true, rounding_of(true.dtype))
