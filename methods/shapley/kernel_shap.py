"""KernelSHAP."""

from torch import Tensor

from ...benchmark import BlackBox, Rng, method, subset_scores, unit_count
from ._kernel import coalitions, constrained_least_squares, evaluations


@method(paper="arXiv:1705.07874", passes=lambda units, budget: (evaluations(units, budget), 0))
def kernel_shap(
    model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor, rng: Rng, *, budget: int = 512
) -> Tensor:
    """Shapley values of the units by weighted least squares over `budget` coalitions; exact where all of them fit."""
    present, weight = coalitions(rng, unit_count(units), budget)
    empty, full = model.score(baseline, target), model.score(x, target)
    worth = subset_scores(model, x, target, baseline, units, present) - empty[:, None]
    return constrained_least_squares(present, weight, worth, full - empty)
