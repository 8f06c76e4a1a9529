"""DeepLIFT."""

from torch import Tensor

from ...benchmark import WhiteBox, method
from ._paired import multipliers


@method(paper="arXiv:1704.02685", passes=lambda: (2, 1))
def deep_lift(model: WhiteBox, x: Tensor, target: Tensor, baseline: Tensor, *, readout: str = "logit") -> Tensor:
    """The logit's change from the baseline, shared out by the rescale rule: it adds up to the whole change."""
    return (x - baseline) * multipliers(model, x, target, baseline, readout)
