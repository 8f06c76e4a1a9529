"""Axiomatic metrics of quantus."""

from collections.abc import Callable
from copy import deepcopy

from torch import Tensor, nn

from ...benchmark import BlackBox, Refused, WhiteBox
from ._call import as_map, ask, asked, explaining, filling, made, quantus_peer


@quantus_peer(
    "Completeness",
    of="completeness",
    like="completeness",
    same=False,
    note="It says whether relevance, divided by the largest of the batch, is complete to the last bit; "
    "ours how far it is from it.",
)
def completeness(model: BlackBox, x: Tensor, target: Tensor, baseline: Tensor, attribution: Tensor) -> Tensor:
    """Completeness of quantus."""
    return asked(made("Completeness", x, perturb_baseline=filling(baseline)), model, x, target, as_map(attribution, x))


@quantus_peer(
    "InputInvariance",
    of="input_shift_invariance",
    like="input_shift_invariance",
    same=False,
    note="It says whether maps stay within 1e-4; it can only shift a convolution that comes first.",
)
def input_invariance(
    model: WhiteBox, x: Tensor, target: Tensor, attribution: Tensor, explain: Callable[..., Tensor]
) -> object:
    """InputInvariance of quantus."""
    first = next(iter(model.module.children()), None)
    if not isinstance(first, nn.Conv2d) or first.bias is None:
        raise Refused("quantus shifts the bias of a convolution that comes first; this network does not begin with one")
    words = {"model": deepcopy(model.module).eval(), "explain_func": explaining(explain, x, model)}
    return ask(made("InputInvariance", x), x, target, a_batch=as_map(attribution, x), batch_size=len(x), **words)
