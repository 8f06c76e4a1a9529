"""The scene again."""

from collections.abc import Callable

from torch import Tensor

from ..registry import imputer


@imputer()
def redraw(kept: Tensor, redraw: Callable[[Tensor], Tensor]) -> Tensor:
    """The scene made again by its dataset, really without what is hidden."""
    return redraw(kept)
