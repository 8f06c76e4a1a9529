"""Area under the ROC curve."""

from torch import Tensor

from ...benchmark import metric
from ._below import below


@metric(better="higher", passes=lambda: (0, 0))
def localisation_auc(attribution: Tensor, truth: Tensor, impossible: Tensor) -> Tensor:
    """The chance that an element that is true is more relevant than one that is not: the area under the ROC curve.

    In [0, 1], 1/2 for a constant map: a tie counts half. Over the elements known to be relevant or impossible; NaN
    where all, or none, of them are true (Fawcett 2006, section 7).
    """
    less = below(attribution, impossible) + below(attribution, impossible, right=True)
    return (less * truth).sum(1) / (2 * truth.sum(1) * impossible.sum(1)).double()
