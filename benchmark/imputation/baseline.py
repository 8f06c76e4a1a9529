"""The task's own baseline."""

from torch import Tensor

from ..registry import imputer


@imputer()
def baseline(baseline: Tensor) -> Tensor:
    """The task's own baseline: a grey picture, the mean of the columns."""
    return baseline
