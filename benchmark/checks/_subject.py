"""A metric on one linear model: its scores in the ordinary way, and what is compared with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..capabilities import require
from ..data import Cost
from ..errors import Refused
from ..harness import Asked, explain, score
from ..registry import Method, Metric
from . import _state
from ._check import demand
from ._linear import BLENDED
from ._questions import Make, Question

Scores = Mapping[str, Tensor]
CLOSE = 1e-5
"""The most that a score may move by rounding."""
SEED, OTHER = 1, 2
"""The seed of the global random states at every call, and another one to see whether it matters."""


@dataclass(frozen=True)
class Subject:
    """A metric on one linear model."""

    metric: Metric
    settings: Mapping[str, object]
    make: Make
    turned: tuple[Make, Make]
    """The same question twice, the second time turned round."""

    @cached_property
    def question(self) -> Question:
        """The samples, the model and the truth."""
        return self.make()

    def judge(self, question: Question, maps: Tensor, method: Asked) -> tuple[Scores, Cost]:
        """Return the scores of maps, and what they cost; the method is there to explain again."""
        if self.metric.capability is not None:
            require(question.gate.capability, self.metric.capability)
        return score(Asked(self.metric, self.settings), question.gate, question.batch, maps, method)

    def work(self, question: Question) -> object:
        """Do what the shared checks watch."""
        asked = Asked(BLENDED, {})
        return self.judge(question, explain(asked, question.gate, question.batch)[0], asked)

    def scores(self, question: Question, method: Method = BLENDED, luck: int = SEED, **settings: object) -> Scores:
        """Return the scores of a method's maps, the global random states starting from `luck`."""
        asked = Asked(method, settings)
        with _state.other_luck(luck):
            return self.judge(question, explain(asked, question.gate, question.batch)[0], asked)[0]

    def scores_of(self, question: Question, maps: Tensor) -> Scores:
        """Return the scores of given maps."""
        with _state.other_luck(SEED):
            return self.judge(question, maps, Asked(BLENDED, {}))[0]

    @cached_property
    def first(self) -> Scores:
        """The scores of ordinary maps, in the ordinary way."""
        return self.scores(self.question)

    @property
    def ordinary(self) -> Tensor:
        """The ordinary maps."""
        return explain(Asked(BLENDED, {}), self.question.gate, self.question.batch)[0]

    @cached_property
    def restless(self) -> list[str]:
        """The scores that differ from one call to the next, the global random states starting from the same seed."""
        return self._differing(SEED)

    @cached_property
    def drawn(self) -> list[str]:
        """The scores that differ where the global random states start from another seed."""
        return self._differing(OTHER)

    def _differing(self, luck: int) -> list[str]:
        """Return the scores that are not the first to the bit; NaN is as any NaN."""
        again = self.scores(self.question, luck=luck)
        return [name for name in again if not again[name].nan_to_num(7.5).equal(self.first[name].nan_to_num(7.5))]

    def demand_repeatable(self) -> None:
        """Refuse to compare what does not even repeat: that is one breach, not many."""
        if self.restless:
            raise Refused("its scores do not repeat, so that others cannot be compared with them")

    def demand_undrawn(self) -> None:
        """Refuse to compare samples that meet other draws than in the ordinary way: that is one breach, too."""
        if self.drawn:
            raise Refused("its scores are drawn from the global random state, one sample's after the other's")

    def same(self, scores: Scores, index: list[int], what: str) -> None:
        """Demand that the scores of some samples are, but for rounding, what they are in the ordinary way."""
        self.demand_repeatable()
        for name, values in scores.items():
            demand(close(values, self.first[name][index]), f"{name} changes with {what}")


def close(left: Tensor, right: Tensor) -> bool:
    """Return whether scores agree but for rounding; NaN agrees with NaN."""
    return torch.allclose(left.double(), right.double(), rtol=CLOSE, atol=1e-9, equal_nan=True)
