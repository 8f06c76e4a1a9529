"""Centred contrast between two questions about the same input."""

from collections.abc import Callable

from torch import Tensor

from ...benchmark import metric, per_unit, rounding_of, uncancelled
from ._centred import agreement


@metric(better="higher", chance=0.0)
def centred_contrast(
    attribution: Tensor,
    effect: Tensor,
    rival: Tensor,
    rival_effect: Tensor,
    parts: Tensor,
    explain: Callable[..., Tensor],
) -> Tensor:
    """Pearson's correlation of how the units' relevance for two targets differs with how the true effects do.

    In [-1, 1], and 1 for the truth alone; exactly 0 where both maps give the units the same relevance, so for every map
    that ignores the question. The two maps keep their sizes: one of zeros says that nothing speaks for its target. NaN
    where the true effects differ by the same for all units.
    """
    asked, other = (per_unit(each, parts, effect.shape[1]) for each in (attribution, explain(target=rival)))
    differs = uncancelled(asked - other, asked.abs() + other.abs())
    return agreement(differs, effect - rival_effect, rounding_of(effect.dtype))
