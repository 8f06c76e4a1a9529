"""Invariance to a shift of the input."""

from collections.abc import Callable

from torch import Tensor

from ...benchmark import WhiteBox, metric
from ._networks import demand_equal, distance, seeing


@metric(better="lower", paper="arXiv:1711.00867", passes=lambda: (2, 0))
def input_shift_invariance(
    model: WhiteBox, x: Tensor, attribution: Tensor, explain: Callable[..., Tensor], *, shift: float = -1.0
) -> Tensor:
    """The change of the explanation when a constant is added to the input that the network takes away again.

    The baseline stays: a method that reads the values of the input beside the network does not notice that nothing has
    changed (Kindermans et al. 2017). `shift` is in the input's own numbers; -1 turns pixels in [0, 1] to [-1, 0]. The
    distance is relative to the sum of the maps' sizes, from 0, invariant, to 1. NaN where both maps are zero.
    """
    other, moved = model.changed(seeing(lambda seen: seen - shift)), x + shift
    demand_equal(model, x, other, moved)
    return distance(attribution, explain(model=other, x=moved))
