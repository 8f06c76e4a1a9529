"""The pointing game."""

from torch import Tensor

from ...benchmark import metric


@metric(better="higher", paper="arXiv:1608.00507", passes=lambda: (0, 0))
def pointing_game(attribution: Tensor, truth: Tensor, impossible: Tensor) -> Tensor:
    """Whether the most relevant element is true; NaN where none is.

    1 or 0; tied maxima count with the share of them that is true. No tolerance around the truth.
    """
    asked = truth | impossible
    held = attribution.masked_fill(~asked, float("-inf"))
    top = (held == held.amax(1, keepdim=True)) & asked
    return (top & truth).sum(1) / top.sum(1).double().where(truth.any(1), float("nan"))
