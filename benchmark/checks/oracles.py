"""Oracles: maps whose scores are known without the metric, in closed form or by brute force."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..entries import Entry, Registry, registries
from ..errors import Refused
from ..harness import Asked, score
from ..registry import Method, Metric, metrics
from ._check import demand
from ._questions import Question

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Case:
    """Maps of a question's samples, and the scores that they must get."""

    question: Question
    attribution: Tensor
    """(N, E)"""
    expected: Mapping[str, Tensor]
    """By the name of the score: (N,); NaN where it is undefined."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """What the metric is told."""
    method: Callable[..., Tensor] | None = None
    """What explains again, where the metric asks for it."""


@dataclass(frozen=True)
class Oracle(Entry):
    """A case by name, for one metric."""

    metric: str
    tolerance: float = TOLERANCE


oracles: Registry[Oracle] = Registry("oracle", "metrics.oracles")
registries["oracle"] = oracles


def oracle(metric: str, *, tolerance: float = TOLERANCE) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
    """Register a case under its function's name as a proof of the registered metric."""

    def register(function: Callable[[], Case]) -> Callable[[], Case]:
        oracles.add(Oracle(function, metric, tolerance))
        return function

    return register


def holder(like: str) -> Metric:
    """Return the registered metric that gives a score of this name."""
    for name in metrics:
        if like in metrics[name].directions:
            return metrics[name]
    known = sorted(score for name in metrics for score in metrics[name].directions)
    raise ValueError(f"no registered metric gives a score {like!r}; there are {', '.join(known)}")


def oracles_of(metric: str, like: str = "") -> Iterator[Oracle]:
    """Return the oracles of a registered metric, or those that know one of its scores."""
    for name in oracles:
        if oracles[name].metric == metric and (not like or like in oracles[name].function().expected):
            yield oracles[name]


def agrees(metric: Metric, oracle: Oracle, like: str = "") -> str:
    """Demand the scores that a case must get; a metric that is `like` a score answers for that one alone."""
    case: Case = oracle.function()
    try:
        asked = Asked(metric, case.settings)
    except ValueError as error:
        raise Refused(str(error)) from error
    again = None if case.method is None else Asked(Method(case.method), {})
    found, _ = score(asked, case.question.gate, case.question.batch, case.attribution.double(), again)
    given = {like: _only(found, like)} if like else found
    for name, expected in case.expected.items():
        if not like or name == like:
            demand(name in given, f"it gives no score {name!r}, only {', '.join(given)}")
            _equal(name, given[name].double(), expected.double(), oracle.tolerance)
    return oracle.summary


def _only(found: Mapping[str, Tensor], like: str) -> Tensor:
    return found[like] if like in found else next(iter(found.values()))


def _equal(name: str, found: Tensor, expected: Tensor, tolerance: float) -> None:
    wrong = ~torch.isclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
    if wrong.any():
        i = int(wrong.nonzero()[0, 0])
        demand(False, f"{name} of sample {i} is {found[i]:.8g}, must be {expected[i]:.8g}")
