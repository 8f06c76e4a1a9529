"""Layer-wise relevance propagation with a rule for each kind of layer."""

from collections.abc import Mapping
from typing import Final

from torch import Tensor

from ...benchmark import WhiteBox, method
from ._layers import LayerRule, box, by_gamma, by_sign, first, flat, in_proportion
from ._relevance import relevance, rules

CONVOLUTIONS: Final[Mapping[str, LayerRule]] = {
    "epsilon_plus": by_sign(1.0, 0.0),
    "epsilon_alpha2_beta1": by_sign(2.0, 1.0),
    "epsilon_gamma_box": by_gamma(0.25),
}


@method(paper="arXiv:1910.09840", passes=lambda: (1, 1))
def lrp_composite(
    model: WhiteBox,
    x: Tensor,
    target: Tensor,
    *,
    composite: str = "epsilon_plus",
    low: float = 0.0,
    high: float = 1.0,
    readout: str = "logit",
) -> Tensor:
    """Relevance of the logit: shared in proportion at dense layers, by the `composite` at convolutions.

    A first layer that convolves shares alike (flat), or in `epsilon_gamma_box` by what inputs add beyond `low` and
    `high`; a first dense layer, as of a table, shares in proportion. That is the epsilon
    rule without its epsilon, an absolute number that would make maps depend on the unit of inputs and activations.
    """
    if composite not in CONVOLUTIONS:
        raise ValueError(f"composite {composite!r} is unknown; choose one of {', '.join(CONVOLUTIONS)}")
    reading = box(low, high) if composite == "epsilon_gamma_box" else flat
    table = rules(first(reading, CONVOLUTIONS[composite]), in_proportion)
    return relevance(model, x, target, table, readout)
