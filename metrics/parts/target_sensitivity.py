"""Target sensitivity."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import metric, per_unit
from ._parts import visible

RESOLUTION = 1e-6
"""Most networks compute in single precision: what is closer is the same."""


@metric(better="higher", paper="arXiv:2308.06248", passes=lambda: (0, 0))
def target_sensitivity(
    attribution: Tensor,
    effect: Tensor,
    rival: Tensor,
    rival_effect: Tensor,
    parts: Tensor,
    explain: Callable[..., Tensor],
) -> Tensor:
    """Whether parts that really matter more to the target than to its rival have more relevance for it.

    The share of parts of which the relevance for target and rival differs in the same direction as the effect does,
    weighted by how far the effects differ. Maps and effects are brought to length 1 first: Hesse et al. (2023) compare
    relevance as it is, where the louder map leads everywhere, for sets of parts of two other classes. From 0 to 1, 1/2
    for a map that ignores the target; NaN where a map or an effect is zero, or where both effects agree.
    """
    count = effect.shape[1]
    here, there = (_of_length_1(per_unit(each, parts, count)) for each in (attribution, explain(target=rival)))
    true, other = (_of_length_1(each * visible(parts, count)) for each in (effect, rival_effect))
    lead, should = _difference(here, there), _difference(true, other)
    right = (1 + lead.sign() * should.sign()) / 2
    share = (right * should.abs()).sum(1) / should.abs().sum(1)
    # The sign of NaN is zero.
    return share.where(lead.isfinite().all(1), torch.nan)


def _of_length_1(values: Tensor) -> Tensor:
    bounded = values.double() / values.double().abs().amax(1, keepdim=True)
    return bounded / bounded.square().sum(1, keepdim=True).sqrt()


def _difference(left: Tensor, right: Tensor) -> Tensor:
    """Subtract rows of length 1; what is the same but for rounding makes zero."""
    gap = left - right
    return gap.masked_fill(gap.abs() <= RESOLUTION, 0.0)
