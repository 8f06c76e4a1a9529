"""The epsilon rule of layer-wise relevance propagation."""

from torch import Tensor

from ...benchmark import WhiteBox, method
from ._layers import by_epsilon
from ._relevance import relevance, rules


@method(paper="doi:10.1371/journal.pone.0130140", passes=lambda: (1, 1))
def lrp_epsilon(model: WhiteBox, x: Tensor, target: Tensor, *, epsilon: float = 1e-6, readout: str = "logit") -> Tensor:
    """Relevance of the logit, handed down in proportion to contributions; `epsilon` absorbs what is small.

    It is absolute, as in the paper, and so in the unit of each layer's outputs; the default is that of zennit.
    """
    rule = by_epsilon(epsilon)
    return relevance(model, x, target, rules(rule, rule), readout)
