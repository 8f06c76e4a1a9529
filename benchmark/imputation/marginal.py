"""Another sample."""

from torch import Tensor

from ..randomness import Rng
from ..registry import imputer


@imputer(paper="arXiv:1705.07874")
def marginal(x: Tensor, pool: Tensor, rng: Rng) -> Tensor:
    """One other sample of the dataset, drawn for each sample: what is hidden keeps its joint distribution.

    All hidden elements come from the same one. A sample that stands in the pool itself may be drawn like any other.
    """
    return pool[rng.integers(len(pool))].to(x)
