"""The gamma rule of layer-wise relevance propagation."""

from torch import Tensor

from ...benchmark import WhiteBox, method
from ._layers import by_gamma
from ._relevance import relevance, rules


@method(paper="doi:10.1007/978-3-030-28954-6_10", passes=lambda: (1, 1))
def lrp_gamma(model: WhiteBox, x: Tensor, target: Tensor, *, gamma: float = 0.25, readout: str = "logit") -> Tensor:
    """Relevance of the logit, handed down in proportion to contributions, those of its own sign favoured by `gamma`."""
    rule = by_gamma(gamma)
    return relevance(model, x, target, rules(rule, rule), readout)
