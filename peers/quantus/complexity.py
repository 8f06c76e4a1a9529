"""Complexity metrics of quantus."""

import numpy as np
from torch import Tensor

from ._call import as_map, ask, made, quantus_peer


@quantus_peer("Sparseness", of="sparseness", like="sparseness", reads="magnitude")
def sparseness(x: Tensor, target: Tensor, attribution: Tensor) -> object:
    """Sparseness of quantus: a Gini index."""
    return ask(made("Sparseness", x), x, target, a_batch=as_map(attribution, x))


@quantus_peer(
    "Complexity",
    of="entropy",
    like="entropy",
    reads="magnitude",
    note="It is divided by the entropy of a constant map, the logarithm of the number of pixels.",
)
def complexity(x: Tensor, target: Tensor, attribution: Tensor) -> object:
    """Complexity of quantus: an entropy."""
    entropies = ask(made("Complexity", x), x, target, a_batch=as_map(attribution, x))
    return np.asarray(entropies) / np.log(attribution.shape[1])


@quantus_peer(
    "EffectiveComplexity",
    of="effective_complexity",
    like="effective_complexity",
    reads="magnitude",
    note="eps is a share of the largest magnitude, as in ours; its count is divided by the number of pixels.",
)
def effective_complexity(x: Tensor, target: Tensor, attribution: Tensor, *, epsilon: float = 0.01) -> object:
    """EffectiveComplexity of quantus, as a share."""
    counts = ask(made("EffectiveComplexity", x, eps=epsilon), x, target, a_batch=as_map(attribution, x))
    return np.asarray(counts) / attribution.shape[1]
