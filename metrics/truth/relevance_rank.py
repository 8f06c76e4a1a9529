"""Relevance rank."""

from torch import Tensor

from ...benchmark import metric
from ._top import top_hits


@metric(better="higher", paper="arXiv:2003.07258", passes=lambda: (0, 0))
def relevance_rank(attribution: Tensor, truth: Tensor, impossible: Tensor) -> Tensor:
    """The share of the k most relevant elements that are true, k being their number; NaN where there are none.

    In [0, 1], over the elements known to be relevant or impossible (Arras et al. 2022, eq. 2). Tied elements count with
    the share of them that is true: the expectation over all orders of the tie.
    """
    return top_hits(attribution, truth, truth | impossible, truth.sum(1))
