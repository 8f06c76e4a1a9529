"""The symmetry axiom."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import Refused, WhiteBox, like_input, metric
from ._networks import distance, seeing


@metric(better="lower", paper="arXiv:1703.01365", passes=lambda: (0, 0))
def symmetry(model: WhiteBox, x: Tensor, units: Tensor, baseline: Tensor, explain: Callable[..., Tensor]) -> Tensor:
    """The difference in relevance between elements with the same part in the network and the same value.

    The network is made to see each input's mean with its mirror image (a table's columns in reverse order); input and
    baseline are such means, too. Then elements that mirror each other are exchangeable, and the map has to be its own
    mirror image (symmetry preservation, Sundararajan et al. 2017): 0, and up to 1 for a map of one side, or of opposite
    signs. NaN for a zero map, and where the units are not mirrored themselves.
    """
    if not x.is_floating_point():
        raise Refused(f"the inputs are whole numbers ({x.dtype}), which have no mean with their mirror image")
    found = explain(model=model.changed(seeing(_evened)), x=_evened(x), baseline=_evened(baseline))
    return distance(found, _mirrored(found, x)).where(_alike(units, _mirrored(units, x)), torch.nan)


def _evened(x: Tensor) -> Tensor:
    return (x + x.flip(-1)) / 2


def _mirrored(elements: Tensor, x: Tensor) -> Tensor:
    return like_input(elements, x).flip(-1).reshape(elements.shape)


def _alike(units: Tensor, mirrored: Tensor) -> Tensor:
    """Return whether each unit (N, E) is, as a whole, one of the mirrored units, (N,); so what is in none."""
    labels, images = units + 1, mirrored + 1
    highest = labels.new_zeros(len(labels), labels.shape[1] + 1)
    highest.scatter_reduce_(1, labels, images, "amax", include_self=False)
    return (highest.gather(1, labels) == images).all(1)
