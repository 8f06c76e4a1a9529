"""The linearity axiom."""

from collections.abc import Callable

from torch import Tensor, nn

from ...benchmark import WhiteBox, metric, read_logits
from ._networks import distance, rebuilt


@metric(better="lower", paper="arXiv:1703.01365", passes=lambda: (1, 0))
def linearity(model: WhiteBox, x: Tensor, target: Tensor, explain: Callable[..., Tensor]) -> Tensor:
    """The distance of the explanation of a mean of two outputs from the mean of their explanations.

    A copy of the network answers with the mean of each logit and the next one; behind the last comes the first. All
    three explanations are of logits, whatever the task reads, with the same random draws. The distance is relative to
    the sum of their sizes, from 0, linear (Sundararajan et al. 2017), to 1. NaN where both are zero.
    """
    behind = (target + 1) % model.logits(x).shape[1]
    plain = model.changed(lambda network: network, readout="logit")
    mixed = model.changed(rebuilt(_answering_with_means), readout="logit")
    apart = [explain(model=plain, target=each) for each in (target, behind)]
    return distance(explain(model=mixed), (apart[0] + apart[1]) / 2)


def _answering_with_means(module: nn.Module) -> nn.Module:
    module.register_forward_hook(_mean_with_the_next)
    return module


def _mean_with_the_next(_module: nn.Module, _inputs: object, output: object) -> Tensor:
    logits = read_logits(output)
    return (logits + logits.roll(-1, 1)) / 2
