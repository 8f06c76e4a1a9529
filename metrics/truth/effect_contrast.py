"""Contrast between two questions about the same input."""

from collections.abc import Callable

from torch import Tensor

from ...benchmark import metric, per_unit
from ._direction import direction


@metric(better="higher", paper="arXiv:2308.06248")
def effect_contrast(
    attribution: Tensor,
    effect: Tensor,
    rival: Tensor,
    rival_effect: Tensor,
    parts: Tensor,
    explain: Callable[..., Tensor],
) -> Tensor:
    """The difference between the explanations of two targets, along that between the true effects on them.

    The difference of the two unit-length attributions, projected on the difference of the two unit-length effects:
    1 for the truth, exactly 0 for a map that ignores the question. NaN where a map, an effect or the true difference
    is zero.
    """
    count = effect.shape[1]
    asked, other = (direction(per_unit(each, parts, count)) for each in (attribution, explain(target=rival)))
    true = direction(effect) - direction(rival_effect)
    return ((asked - other) * true).sum(1) / (true**2).sum(1)
