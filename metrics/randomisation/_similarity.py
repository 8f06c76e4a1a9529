"""How alike two maps are."""

import torch
from torch import Tensor


def spearman(left: Tensor, right: Tensor) -> Tensor:
    """Return Spearman's correlation (N,) of signed maps (N, E); NaN where one is constant, or not finite."""
    one, other = (_centred_ranks(each.double()) for each in (left, right))
    correlation = (one * other).sum(1) / (one.square().sum(1) * other.square().sum(1)).sqrt()
    return correlation.where((left.isfinite() & right.isfinite()).all(1), torch.nan)


def _centred_ranks(values: Tensor) -> Tensor:
    """Return ranks less their mean, tied values sharing theirs; of thousands of pixels, so no two are compared."""
    ordered, values = values.sort(1).values, values.contiguous()
    below, up_to = (torch.searchsorted(ordered, values, right=right) for right in (False, True))
    return (below + up_to - values.shape[1]).double() / 2
