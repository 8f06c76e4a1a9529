"""Average precision."""

from torch import Tensor

from ...benchmark import metric
from ._below import below


@metric(better="higher", paper="arXiv:1911.03429", passes=lambda: (0, 0))
def auprc(attribution: Tensor, truth: Tensor, impossible: Tensor) -> Tensor:
    """The average precision of relevance as a classifier of the truth; NaN where none of it is known.

    In (0, 1], the share of the truth for a constant map: tied elements pass the threshold together. Over the elements
    known to be relevant or impossible. The sum of precision times the step of recall, scikit-learn's definition, and
    not the trapezoid of DeYoung et al. (2020), which is too high between the steps (Davis and Goadrich 2006).
    """
    true, false = (among.sum(1, keepdim=True) - below(attribution, among) for among in (truth, impossible))
    precision = true / (true + false).double()
    return precision.where(truth, 0.0).sum(1) / truth.sum(1)
