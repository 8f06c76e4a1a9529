"""Background independence."""

from torch import Tensor

from ...benchmark import metric, unit_count
from ._parts import marked, unmoved


@metric(better="higher", reads="magnitude", paper="arXiv:2308.06248", passes=lambda: (0, 0))
def background_independence(attribution: Tensor, impossible: Tensor, parts: Tensor) -> Tensor:
    """The share of what is verified to be mere background that is given no relevance, averaged over all thresholds.

    Hesse et al. (2023) ask the network under this name whether it is independent of the background. The task has
    verified that here, and the question goes to the explanation: as `distractibility`, over the things that the answer
    cannot rest on. In [0, 1]; NaN for a zero map, or where nothing is mere background.
    """
    return unmoved(attribution, parts, marked(impossible, parts, unit_count(parts)))
