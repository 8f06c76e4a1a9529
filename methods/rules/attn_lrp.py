"""AttnLRP."""

from torch import Tensor

from ...benchmark import WhiteBox, method
from ._layers import by_gamma, in_proportion
from ._mode import plain
from ._relevance import relevance, rules


@method(paper="arXiv:2402.05602", passes=lambda: (1, 1))
def attn_lrp(
    model: WhiteBox,
    x: Tensor,
    target: Tensor,
    *,
    gamma_convolution: float = 0.25,
    gamma_linear: float = 0.05,
    readout: str = "logit",
) -> Tensor:
    """Relevance of the logit through attention: a softmax by its Taylor expansion, products by halves, gamma at layers.

    A gamma of 0 shares in proportion, as for language models (the epsilon rule without its epsilon, which would depend
    on the unit of activations). The authors try several gammas for vision; the defaults are ours.
    """
    convolution, dense = (by_gamma(gamma) if gamma else in_proportion for gamma in (gamma_convolution, gamma_linear))
    return relevance(model, x, target, rules(convolution, dense, softmax=plain), readout)
