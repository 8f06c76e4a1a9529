"""AttnLRP."""

from torch import Tensor

from ...benchmark import WhiteBox, method
from ._layers import by_epsilon, by_gamma
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

    A gamma of 0 is the epsilon rule, as for language models.
    """
    convolution, dense = (by_gamma(gamma) if gamma else by_epsilon(1e-6) for gamma in (gamma_convolution, gamma_linear))
    return relevance(model, x, target, rules(convolution, dense, softmax=plain), readout)
