"""Integrated gradients."""

from captum.attr import IntegratedGradients
from torch import Tensor

from ...benchmark import Differentiable, method


@method(paper="arXiv:1703.01365", passes=lambda budget: (budget, budget))
def integrated_gradients(
    model: Differentiable, x: Tensor, target: Tensor, baseline: Tensor, *, budget: int = 32
) -> Tensor:
    """The gradient averaged on the straight line from the baseline, times the way (captum, Gauss-Legendre points)."""
    explainer = IntegratedGradients(model.score)
    attribution: Tensor = explainer.attribute(x, baselines=baseline, additional_forward_args=target, n_steps=budget)
    return attribution
