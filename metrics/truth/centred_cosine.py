"""Centred cosine with the true effects."""

from torch import Tensor

from ...benchmark import metric, per_unit, rounding_of
from ._centred import agreement


@metric(better="higher", passes=lambda: (0, 0), chance=0.0)
def centred_cosine(attribution: Tensor, effect: Tensor, parts: Tensor) -> Tensor:
    """Pearson's correlation of the units' relevance with what really removing them does; 0 for equal relevance.

    The cosine after the mean over the units is taken off both: that all units matter is no merit. In [-1, 1]; NaN where
    the effect is the same for all units.
    """
    return agreement(per_unit(attribution, parts, effect.shape[1]), effect, rounding_of(effect.dtype))
