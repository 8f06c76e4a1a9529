"""The straight line from a baseline to the input, and how an integral on it is approximated."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

import torch
from scipy.special import roots_legendre
from torch import Tensor

from ...benchmark import Differentiable
from .._budget import demand
from .._points import at_points

Rule = Callable[[int], tuple[list[float], list[float]]]
"""A number of points to their places in [0, 1] and weights, which add up to 1."""


@cache
def _gauss_legendre(count: int) -> tuple[list[float], list[float]]:
    nodes, weights = roots_legendre(count)
    return ((1 + nodes) / 2).tolist(), (weights / 2).tolist()


def _trapezoid(count: int) -> tuple[list[float], list[float]]:
    step = 1 / (count - 1)
    return [i * step for i in range(count)], [step / 2, *[step] * (count - 2), step / 2]


def _steps(shift: float) -> Rule:
    return lambda count: ([(i + shift) / count for i in range(count)], [1 / count] * count)


QUADRATURES: Mapping[str, Rule] = {
    "gauss_legendre": _gauss_legendre,
    "trapezoid": _trapezoid,
    "left": _steps(0.0),
    "right": _steps(1.0),
    "midpoint": _steps(0.5),
}


def rule(quadrature: str, budget: int, name: str) -> tuple[list[float], list[float]]:
    """Return the places and weights of a quadrature with `budget` points; an unknown one is a ValueError."""
    if quadrature not in QUADRATURES:
        raise ValueError(f"{name}: quadrature {quadrature!r} is unknown; choose one of {', '.join(QUADRATURES)}")
    demand(budget, 2 if quadrature == "trapezoid" else 1, name)
    return QUADRATURES[quadrature](budget)


def along(baseline: Tensor, x: Tensor, places: Iterable[float]) -> Iterator[Tensor]:
    """Yield the points between a baseline (0) and the input (1)."""
    # `lerp` ends at the input to the bit.
    return (torch.lerp(baseline, x, place) for place in places)


def line_integral(
    model: Differentiable,
    x: Tensor,
    target: Tensor,
    baseline: Tensor,
    budget: int,
    quadrature: str = "gauss_legendre",
    name: str = "integrated_gradients",
) -> Tensor:
    """Return the gradient averaged on the line, times the way, in double precision; `budget` passes both ways."""
    places, weights = rule(quadrature, budget, name)
    mean = torch.zeros_like(x, dtype=torch.float64)
    gradients = at_points(model, along(baseline, x, places), target)
    for weight, (_, gradient) in zip(weights, gradients, strict=True):
        mean += weight * gradient
    return mean * (x.double() - baseline)
