"""The truth of another input."""

from torch import Tensor

from ...benchmark import Truth, method
from .oracle import oracle


@method(role="canary", passes=lambda: (0, 0))
def other_truth(target: Tensor, truth: Truth) -> Tensor:
    """The truth turned by half a turn, or a row of columns reversed: the answer for an input that lies the other way.

    The truth of another sample would make a map depend on its batch mates; this has the same values, runs and distances
    from the centre, in the wrong places.
    """
    return oracle(target, truth).flip(1)
