"""Relevance rank."""

from torch import Tensor

from ...benchmark import metric


@metric(better="higher", paper="arXiv:2003.07258", passes=lambda: (0, 0))
def relevance_rank(attribution: Tensor, truth: Tensor, impossible: Tensor) -> Tensor:
    """The share of the k most relevant elements that are true, k being their number; NaN where there are none.

    In [0, 1], over the elements known to be relevant or impossible (Arras et al. 2022, eq. 2). Tied elements count with
    the share of them that is true: the expectation over all orders of the tie.
    """
    asked = attribution.masked_fill(~(truth | impossible), float("-inf"))
    k = truth.sum(1, keepdim=True)
    least = asked.sort(1, descending=True).values.gather(1, (k - 1).clamp(min=0))
    above, tied = asked > least, asked == least
    places, count = k[:, 0] - above.sum(1), tied.sum(1)
    hits = (above & truth).sum(1) * count + places * (tied & truth).sum(1)
    return hits / (count * k[:, 0]).double()
