"""Oracles: maps whose scores are known without the metric, in closed form or by brute force."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ..entries import Entry, Registry, registries
from ..errors import Refused
from ..harness import Asked, score
from ..registry import Method, Metric, metrics
from ._check import NamedCheck, demand, named
from ._questions import Question
from ._state import other_luck

TOLERANCE = 1e-6
SEED = 1
"""The seed of the global random states: a metric of another library may draw from them."""


@dataclass(frozen=True)
class Case:
    """Maps of a question's samples, and the scores that they must get."""

    question: Question
    attribution: Tensor
    """(N, E)"""
    expected: Mapping[str, Tensor]
    """By the name of the score: (N,); NaN where it is undefined."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """The metric's settings."""
    method: Callable[..., Tensor] | None = None
    """The method that explains again, where the metric asks for it."""


@dataclass(frozen=True)
class Oracle(Entry):
    """A case by name, for one metric."""

    metric: str
    tolerance: float = TOLERANCE
    habit: bool = False
    """Whether definitions leave the answer open, so that it is a convention of ours: of ties, of what is undefined."""


oracles: Registry[Oracle] = Registry("oracle", "metrics.oracles")
registries["oracle"] = oracles


def oracle(
    metric: str, *, tolerance: float = TOLERANCE, habit: bool = False
) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
    """Register a case under its function's name as a proof of the registered metric, or of a `habit` of ours."""

    def register(function: Callable[[], Case]) -> Callable[[], Case]:
        oracles.add(Oracle(function, metric, tolerance, habit))
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


def proofs(metric: Metric, like: str = "", by_scale: bool = False) -> list[NamedCheck]:
    """Return the oracles of a metric, or of the score that it is `like`, as checks that have not been run yet."""
    proven = holder(like).name if like else metric.name
    return [
        named(known.name, partial(agrees, metric, known, like, by_scale), known.habit)
        for known in oracles_of(proven, like)
    ]


def agrees(metric: Metric, oracle: Oracle, like: str = "", by_scale: bool = False) -> str:
    """Demand the scores that a case must get; a metric that is `like` a score answers for that one alone.

    With `by_scale`, maps of other sizes do not meet in a batch: what happens then, the contract asks.
    """
    case: Case = oracle.function()
    try:
        asked = Asked(metric, case.settings)
    except ValueError as error:
        raise Refused(str(error)) from error
    found = _scores(asked, case, sizes(case.attribution) if by_scale else [list(range(len(case.attribution)))])
    given = {like: _only(found, like)} if like else found
    for name, expected in case.expected.items():
        if not like or name == like:
            demand(name in given, f"it gives no score {name!r}, only {', '.join(given)}")
            _equal(name, given[name].double(), expected.double(), oracle.tolerance)
    return oracle.summary


def sizes(maps: Tensor) -> list[list[int]]:
    """Return which maps (N, E) have the same largest magnitude; zero maps are with the first that is not."""
    largest = maps.abs().nan_to_num(0.0, posinf=0.0).amax(1)
    some = largest[largest > 0]
    largest = largest.where(largest > 0, some[0] if len(some) else 0.0)
    return [(largest == size).nonzero()[:, 0].tolist() for size in sorted(set(largest.tolist()))]


def _scores(asked: Asked, case: Case, groups: Sequence[list[int]]) -> dict[str, Tensor]:
    """Return the scores of a case's maps, each group of samples asked about in a batch of its own."""
    again = None if case.method is None else Asked(Method(case.method), {})
    maps, questions = case.attribution.double(), [case.question.picked(group) for group in groups]
    with other_luck(SEED):
        each = [
            score(asked, question.gate, question.batch, maps[group], again)[0]
            for question, group in zip(questions, groups, strict=True)
        ]
    place = torch.tensor([i for group in groups for i in group]).argsort()
    return {name: torch.cat([found[name] for found in each])[place] for name in each[0]}


def _only(found: Mapping[str, Tensor], like: str) -> Tensor:
    return found[like] if like in found else next(iter(found.values()))


def _equal(name: str, found: Tensor, expected: Tensor, tolerance: float) -> None:
    """Demand scores; where the only other ones are of what is undefined, a habit is broken and no number is wrong."""
    wrong = ~torch.isclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
    number = wrong & ~expected.isnan()
    if wrong.any():
        i = int((number if number.any() else wrong).nonzero()[0, 0])
        what = f"{name} of sample {i} is {found[i]:.8g}, must be {expected[i]:.8g}"
        demand(False, what, habit=not bool(number.any()))
