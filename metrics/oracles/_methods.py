"""Small methods and functions to prove with: some methods keep an axiom, others break it by a known amount."""

from collections.abc import Callable, Sequence
from math import nan

import torch
from torch import Tensor, nn

from ...benchmark import Differentiable, WhiteBox
from ...benchmark.checks import Case, Question

ROWS = torch.tensor(
    [
        [1.0, -2.0, 3.0, 0.5, -1.5, 2.5, 4.0, -0.5],
        [0.25, 1.75, -2.25, 3.5, 0.75, -1.25, 2.0, 1.0],
        [-3.0, 1.5, 0.5, 2.0, -2.5, 1.0, -0.75, 3.25],
    ],
    dtype=torch.float64,
)
WEIGHTS = torch.tensor([2.0, -1.0, 0.5, 3.0, -2.0, 1.0, 4.0, -0.25], dtype=torch.float64)
TWOS = torch.full((3, 8), 2.0, dtype=torch.float64)
ZERO, UNDEFINED = [0.0] * 3, [nan] * 3


def smooth(x: Tensor) -> Tensor:
    """A function with no symmetry, whose gradient is not zero."""
    return (x * WEIGHTS + 0.1 * x**3).sum(1)


def flat(x: Tensor) -> Tensor:
    """A function of nothing."""
    return 0 * x.sum(1)


def about(
    question: Question,
    method: Callable[..., Tensor] | None,
    given: Tensor | None = None,
    /,
    **expected: Sequence[float],
) -> Case:
    """Ask about a method, whose map is `given` where the metric compares it with another."""
    maps = torch.ones(question.batch.units.shape) if given is None else given
    return Case(question, maps, {name: torch.tensor(values) for name, values in expected.items()}, method=method)


def gradient(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The gradient."""
    return model.gradient(x, target)


def reversed_gradient(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The gradient with the opposite sign."""
    return -model.gradient(x, target)


def squared_gradient(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The gradient, squared."""
    return model.gradient(x, target) ** 2


def positive_gradient(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The positive part of the gradient."""
    return model.gradient(x, target).clamp(min=0)


def times_input(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The gradient times the input."""
    return x * model.gradient(x, target)


def times_difference(model: Differentiable, x: Tensor, target: Tensor, baseline: Tensor) -> Tensor:
    """The gradient times the way from the baseline."""
    return (x - baseline) * model.gradient(x, target)


def the_input(x: Tensor) -> Tensor:
    """The input itself."""
    return x


def the_baseline(baseline: Tensor) -> Tensor:
    """The baseline itself."""
    return baseline


def ones(x: Tensor) -> Tensor:
    """The same everywhere."""
    return torch.ones_like(x)


def nothing(x: Tensor) -> Tensor:
    """Nothing anywhere."""
    return torch.zeros_like(x)


def places(units: Tensor) -> Tensor:
    """The number of each element, from 1."""
    return torch.arange(1, units.shape[1] + 1).expand(units.shape).double()


def first_half(units: Tensor) -> Tensor:
    """One on the first half of the elements, zero on the second."""
    return (places(units) <= units.shape[1] / 2).double()


def opposite_halves(units: Tensor) -> Tensor:
    """Minus one on the first half of the elements, one on the second."""
    return 1 - 2 * first_half(units)


def how_many_relus(model: WhiteBox, x: Tensor) -> Tensor:
    """On each element, how many ReLUs the network has; what a method makes that has a rule for them."""
    return torch.full_like(x, sum(isinstance(part, nn.ReLU) for part in model.module.modules()))


def how_many_weights(model: WhiteBox, x: Tensor) -> Tensor:
    """On each element, how many parameters the network has."""
    return torch.full_like(x, sum(parameter.numel() for parameter in model.module.parameters()))


def score_and_band(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The score on the first of eight columns, and one on the third."""
    found = torch.zeros_like(x)
    found[:, 0], found[:, 2] = model.score(x, target), 1
    return found
