"""Neighbourhoods: the points around a sample at which a surrogate meets the model.

A new one is a few lines: it yields points (N, m, D) with their weights, in as many portions as it likes. A unit is left
(1) or hidden (0); what is `multiplicative` goes from the baseline (0) to the sample (1); what is `additive` is added to
the sample.

    @neighbourhood("multiplicative")
    def uniform(around: Asked) -> Iterator[Points]:
        \"\"\"Every number stands somewhere between the baseline and the sample.\"\"\"
        for draws in around.portions():
            yield around.rng.uniform(draws, around.size), torch.ones(draws)
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

import torch
from torch import Tensor

from ...benchmark import Refused, Rng
from .._budget import demand
from ..paths._line import rule
from ..shapley._kernel import coalitions, evaluations
from ._engine import Points

Kind = Literal["units", "additive", "multiplicative"]
NUMBERS = 1 << 16
"""The numbers per sample in a portion: of a sample alone, or what is drawn would depend on its batch mates."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The request to a neighbourhood: points around each sample, each with `size` numbers."""

    rng: Rng
    draws: int
    size: int
    reach: Tensor = field(default_factory=lambda: torch.ones(1))
    """The range of each sample's values, (N,)."""
    width: float = 0.25
    noise: float = 0.15
    low: float = 0.0

    @property
    def most(self) -> int:
        """The most points in a portion."""
        return max(1, NUMBERS // self.size)

    @property
    def few(self) -> bool:
        """Whether there are fewer than two points for each weight and the bias."""
        return self.draws < 2 * (self.size + 1)

    def portions(self) -> Iterator[int]:
        """Yield the numbers of points to draw at a time, `draws` in all."""
        yield from (min(self.most, self.draws - start) for start in range(0, self.draws, self.most))


Draw = Callable[[Asked], Iterator[Points]]


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A way of drawing points around a sample, and where the surrogate must meet the model exactly."""

    draw: Draw
    kind: Kind
    through: tuple[float, ...]
    points: Callable[[int, int], int]
    spans: bool

    def ends(self, bias: bool) -> tuple[float, ...]:
        """Return where squared error is exact: without a bias of its own, the surrogate meets the model here."""
        return self.through or (() if bias else (0.0 if self.kind == "additive" else 1.0,))

    def bill(self, units: int, budget: int, loss: str, bias: bool) -> tuple[int, int]:
        """Return the passes per sample, forward and backward."""
        if loss == "gradient_matching":
            return self.points(units, budget), self.points(units, budget)
        ends = len(self.ends(bias))
        return ends + self.points(units, budget - ends), 0


NEIGHBOURHOODS: dict[str, Neighbourhood] = {}
LOSSES = ("squared", "gradient_matching")


def neighbourhood(
    kind: Kind,
    *,
    through: tuple[float, ...] = (),
    points: Callable[[int, int], int] = lambda _, draws: draws,
    spans: bool = True,
) -> Callable[[Draw], Draw]:
    """Register a neighbourhood under its function's name.

    `through` is where the surrogate always meets the model exactly, all inputs at one value: first at the sample
    itself, then at the other end. `points` is how many it yields, from the number of units and what it is asked for.
    `spans` tells whether its points go every way from the sample, so that squared error can tell the inputs apart.
    """

    def register(draw: Draw) -> Draw:
        holder = NEIGHBOURHOODS.get(draw.__name__)
        if holder is not None and holder.draw.__module__ != draw.__module__:
            raise ValueError(f"neighbourhood {draw.__name__!r} is already defined: choose another name")
        NEIGHBOURHOODS[draw.__name__] = Neighbourhood(draw, kind, through, points, spans)
        return draw

    return register


def known(name: str) -> Neighbourhood:
    """Return a neighbourhood by its name; an unknown one is a ValueError."""
    if name not in NEIGHBOURHOODS:
        close = get_close_matches(name, NEIGHBOURHOODS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"unknown neighbourhood {name!r}: {hint}choose one of {', '.join(NEIGHBOURHOODS)}")
    return NEIGHBOURHOODS[name]


def composed(name: str, loss: str) -> Neighbourhood:
    """Return a neighbourhood for a loss; an unknown word is a ValueError, what has no meaning together is refused."""
    chosen = known(name)
    if loss not in LOSSES:
        raise ValueError(f"unknown loss {loss!r}: choose one of {', '.join(LOSSES)}")
    if loss == "gradient_matching" and chosen.kind == "units":
        raise Refused(f"{name} hides units, and a hidden unit has no gradient to match: choose loss=squared")
    if loss == "squared" and not chosen.spans:
        raise Refused(f"{name} moves all numbers together, so squared error cannot tell them apart: match gradients")
    return chosen


@neighbourhood("units")
def bernoulli(asked: Asked) -> Iterator[Points]:
    """LIME: the sample itself, and units left by the toss of a coin, weighted by their cosine with all units."""
    for number, draws in enumerate(asked.portions()):
        kept = asked.rng.uniform(draws, asked.size) < 0.5
        if number == 0:
            kept[:, 0] = True
        distance = 1 - kept.double().mean(2).sqrt()
        yield kept, torch.exp(-(distance**2) / (2 * asked.width**2))


@neighbourhood("units", through=(1.0, 0.0), points=lambda units, draws: evaluations(units, draws + 2) - 2)
def shapley(asked: Asked) -> Iterator[Points]:
    """KernelSHAP: coalitions from Shapley's kernel, all of them where they fit; both ends are exact."""
    yield coalitions(asked.rng, asked.size, asked.draws + 2)


@neighbourhood("units", through=(1.0,), points=lambda units, _: units)
def one_hot(asked: Asked) -> Iterator[Points]:
    """Occlusion, unit by unit: each is hidden once."""
    demand(asked.draws + 1, asked.size + 1, "one_hot")
    yield ~torch.eye(asked.size, dtype=torch.bool).expand(len(asked.rng), -1, -1), torch.ones(asked.size)


@neighbourhood("additive")
def gaussian(asked: Asked) -> Iterator[Points]:
    """SmoothGrad and C-LIME: normal noise, `noise` being a share of the sample's range."""
    if asked.noise < 0:
        raise ValueError(f"noise is {asked.noise}; give a share of the sample's range, 0 or more")
    spread = (asked.noise * asked.reach)[:, None, None]
    for draws in asked.portions():
        # One point after the other: how many are drawn at a time must not change them.
        yield spread * torch.stack([asked.rng.normal(asked.size) for _ in range(draws)], 1), torch.ones(draws)


@neighbourhood("multiplicative", spans=False)
def scaling(asked: Asked) -> Iterator[Points]:
    """Integrated gradients: all numbers scaled by one factor between `low` and 1, at Gauss-Legendre points."""
    if not 0 <= asked.low <= 1:
        raise ValueError(f"low is {asked.low}; give the least factor, from 0 (the baseline) to 1 (the sample)")
    places, weights = torch.tensor(rule("gauss_legendre", asked.draws, "scaling"), dtype=torch.float64)
    scaled = asked.low + (1 - asked.low) * places
    for start in range(0, asked.draws, asked.most):
        some = slice(start, start + asked.most)
        yield scaled[some, None].expand(len(asked.rng), -1, asked.size), weights[some]


def reach(x: Tensor) -> Tensor:
    """Return the range of each sample's values, (N,)."""
    return x.flatten(1).amax(1).sub(x.flatten(1).amin(1)).cpu()


def demand_noise(noise: float) -> None:
    """Refuse points that are all the sample itself."""
    if noise == 0:
        raise Refused("without noise all points are the sample itself: squared error needs noise > 0")
