"""Top-k intersection."""

from torch import Tensor

from ...benchmark import metric
from ._top import top_hits


@metric(better="higher", paper="arXiv:2104.14995", passes=lambda: (0, 0))
def top_k_intersection(attribution: Tensor, truth: Tensor, impossible: Tensor, *, share: float = 0.05) -> Tensor:
    """The share of the k most relevant elements that are true, k being a fixed share of all; NaN where none is true.

    From 0 to 1, or to |truth| / k where that is less, over the elements known to be relevant or impossible; ties count
    in expectation. The paper's k is a number (Theiner et al. 2022), so that its score depends on the
    resolution; here k is the `share` of the elements, at least 1. A k of 1000 is a share of 0.02 at 224 x 224.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; expected a number above 0, at most 1: k as a share of the elements")
    asked = truth | impossible
    k = (share * asked.sum(1)).round().long().clamp(min=1)
    return top_hits(attribution, truth, asked, k).where(truth.any(1), float("nan"))
