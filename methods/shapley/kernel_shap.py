"""KernelSHAP."""

from torch import Tensor

from ...benchmark import BlackBox, Rng, at_elements, impute, method, unit_count
from ._kernel import coalitions, constrained_least_squares, evaluations


@method(paper="arXiv:1705.07874", passes=lambda units, budget: (evaluations(units, budget), 0))
def kernel_shap(
    model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor, rng: Rng, *, budget: int = 512
) -> Tensor:
    """Shapley values of the units by weighted least squares over `budget` coalitions; exact where all of them fit."""
    present, weight = coalitions(rng, unit_count(units), budget)
    empty, full = model.score(baseline, target), model.score(x, target)
    kept = (at_elements(present[:, i], units).bool() for i in range(present.shape[1]))
    worth = [model.score(impute(x, baseline, mask), target) - empty for mask in kept]
    return constrained_least_squares(present, weight, worth, full - empty)
