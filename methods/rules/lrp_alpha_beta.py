"""The alpha-beta rule of layer-wise relevance propagation."""

from torch import Tensor

from ...benchmark import WhiteBox, method
from ._layers import by_sign
from ._relevance import relevance, rules


@method(paper="doi:10.1371/journal.pone.0130140", passes=lambda: (1, 1))
def lrp_alpha_beta(
    model: WhiteBox, x: Tensor, target: Tensor, *, alpha: float = 2.0, beta: float = 1.0, readout: str = "logit"
) -> Tensor:
    """Relevance of the logit, `alpha` times to positive contributions and minus `beta` times to negative ones.

    Relevance is kept where `alpha` - `beta` is 1, which is demanded.
    """
    if beta < 0 or alpha - beta != 1:
        raise ValueError(f"alpha is {alpha} and beta {beta}: give beta >= 0 and alpha = 1 + beta")
    rule = by_sign(alpha, beta)
    return relevance(model, x, target, rules(rule, rule), readout)
