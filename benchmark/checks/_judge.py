"""A task's headline score as a function of maps that were made beforehand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..data import Batch, Truth
from ..errors import Refused
from ..gate import Gate
from ..harness import Asked, score
from ..registry import Method, Metric
from ..units import spread

ASKED, OTHER = "asked of the target", "asked of the rival"
"""Under which names the maps travel in the truth, to be told to a metric that explains again."""

Values = Sequence[Tensor]
"""Statements about the parts (N, P) for the target and, where there is one, for the rival."""


def told(target: Tensor, truth: Truth) -> Tensor:
    """Maps that were made beforehand: one for the target, another for the rival."""
    asked, other = truth.values[ASKED], truth.values[OTHER]
    return asked if truth.rival is None else torch.where((target == truth.rival)[:, None], other, asked)


TOLD = Asked(Method(told, role="control", passes=lambda: (0, 0)), {})


def values_of(truth: Truth) -> Values:
    """Return what the truth says about the parts: their effects, or else which of them are relevant, as the oracle."""
    if truth.effect is None:
        if truth.relevant is None:
            raise Refused("the truth of this task is not a map")
        return [truth.relevant.double()]
    return [each.double() for each in (truth.effect, truth.rival_effect) if each is not None]


@dataclass(frozen=True, slots=True)
class Judge:
    """The headline metric of a task, with the samples and their truth."""

    metric: Metric
    headline: str
    gate: Gate
    batch: Batch
    truth: Truth

    def maps(self, maps: Sequence[Tensor], *, signed: bool = True) -> Tensor:
        """Return the scores (N,) of maps (N, E): one for all questions, or one for the target and one for the rival.

        Maps that are not `signed` are judged by the magnitude of the truth.
        """
        known = {**self.truth.values, ASKED: maps[0], OTHER: maps[-1]}
        batch = replace(self.batch, truth=replace(self.truth, values=known))
        scores, _ = score(Asked(self.metric, {}), self.gate, batch, maps[0], TOLD, signed=signed)
        return scores[self.headline].double()

    def parts(self, values: Values) -> Tensor:
        """Return the scores (N,) of what is said about the parts, spread evenly over each."""
        return self.maps([spread(each, self.truth.parts) for each in values])


@dataclass(frozen=True, slots=True)
class Scale:
    """From scores per sample to one figure, by the two controls."""

    chance: Tensor
    """(R, N): the scores of random maps."""
    truth: Tensor
    """(N,): the scores of the truth."""

    @property
    def counted(self) -> Tensor:
        """The samples (N,) on which both controls have a score."""
        return self.truth.isfinite() & self.chance.isfinite().any(0)

    @property
    def random(self) -> float:
        """The mean score of random maps."""
        return self.mean(self.chance.nanmean(0))

    @property
    def oracle(self) -> float:
        """The mean score of the truth."""
        return self.mean(self.truth)

    @property
    def noise(self) -> float:
        """The standard deviation of the score of one random map per sample, as a share of the way to the truth."""
        single = torch.tensor([self.mean(scores) for scores in self.chance])
        return float(single.std()) / abs(self.oracle - self.random) if self.oracle != self.random else torch.nan

    def mean(self, scores: Tensor) -> float:
        """Return the mean over the samples that count; what is undefined there is chance."""
        return float(scores.where(scores.isfinite(), self.chance.nanmean(0))[self.counted].mean())

    def normalised(self, scores: Tensor) -> float:
        """Return the mean, where 0 is chance and 1 the truth; NaN where they are the same."""
        gap = self.oracle - self.random
        return (self.mean(scores) - self.random) / gap if gap else torch.nan
