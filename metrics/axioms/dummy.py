"""The dummy axiom."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import Refused, WhiteBox, areas, at_elements, impute, metric, per_unit
from ._networks import seeing


@metric(better="lower", reads="magnitude", paper="arXiv:1703.01365", passes=lambda: (0, 0))
def dummy(model: WhiteBox, x: Tensor, units: Tensor, baseline: Tensor, explain: Callable[..., Tensor]) -> Tensor:
    """The share of relevance on what the network cannot see.

    The network is made blind: the second quarter of each picture's rows, or of a table's columns, is replaced by the
    baseline before it. The score is the share of the relevance's magnitude in the units that lie wholly there, which
    sensitivity (b) wants to be 0 (Sundararajan et al. 2017). NaN for a zero map, and where no unit lies there.
    """
    if (baseline != baseline[:1]).any():
        raise Refused("each sample has a baseline of its own: no one network can be blind in the way of all of them")
    blind, shared = _second_quarter(x), baseline[:1]

    def covered(seen: Tensor) -> Tensor:
        return impute(seen, shared.to(seen), ~blind.expand(len(seen), -1).to(seen.device))

    hidden = per_unit(blind.expand(units.shape).long(), units) == areas(units)
    magnitude = explain(model=model.changed(seeing(covered))).abs()
    share = (magnitude * at_elements(hidden, units)).sum(1) / magnitude.sum(1)
    return share.where(hidden.any(1), torch.nan)


def _second_quarter(x: Tensor) -> Tensor:
    """Return which elements lie in the second quarter of the rows of pictures, or of the columns, (1, E)."""
    shape = x.shape[2:] if x.ndim > 2 else x.shape[1:]
    line = torch.arange(shape[0], device=x.device)
    inside = (line >= shape[0] // 4) & (line < shape[0] // 2)
    return inside.repeat_interleave(shape[1:].numel())[None]
