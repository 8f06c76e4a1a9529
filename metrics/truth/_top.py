"""The share of the most relevant elements that is true."""

from torch import Tensor

from ...benchmark import snapped


def top_hits(attribution: Tensor, truth: Tensor, asked: Tensor, k: Tensor) -> Tensor:
    """Return the share (N,) of the k (N,) most relevant of the `asked` elements (N, E) that is true.

    Tied elements count with the share of them that is true: the expectation over all orders of the tie. NaN where k is
    0.
    """
    most = k[:, None]
    held = snapped(attribution).masked_fill(~asked, float("-inf"))
    least = held.sort(1, descending=True).values.gather(1, (most - 1).clamp(min=0))
    above, tied = held > least, held == least
    places, count = k - above.sum(1), tied.sum(1)
    hits = (above & truth).sum(1) * count + places * (tied & truth).sum(1)
    return hits / (count * k).double()
