"""The random logit test."""

from collections.abc import Callable

from torch import Tensor

from ...benchmark import BlackBox, Refused, Rng, metric
from ._similarity import spearman


@metric(better="lower", paper="arXiv:1912.09818", passes=lambda: (1, 0))
def random_logit(
    explain: Callable[..., Tensor], model: BlackBox, x: Tensor, target: Tensor, attribution: Tensor, rng: Rng
) -> Tensor:
    """The similarity of the explanations of the target and of another class, drawn at random.

    Spearman's correlation of the signed maps over their elements, not SSIM as in Sixt et al. 2020: rows have none. NaN
    for a constant map. Where two classes rest on the same evidence, alike is right.
    """
    classes = model.logits(x).shape[1]
    if classes < 2:
        raise Refused("the model has one class: there is no other to ask about")
    other = (target + 1 + rng.integers(classes - 1).to(target.device)) % classes
    return spearman(attribution, explain(target=other))
