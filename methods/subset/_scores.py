"""The worth of a set of units: four scores, weighed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from math import log, pi

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ...benchmark import Game, streams
from ...benchmark.evidence import certainty, head_of
from ...benchmark.features import features


def entropy(logits: Tensor) -> Tensor:
    """Return how far the entropy of the probabilities is from its largest, in [0, 1]."""
    logs = logits.double().log_softmax(-1)
    return 1 + (logs.exp() * logs).sum(-1) / log(logits.shape[-1])


HEAD = "evidential"
"""The word for evidence that the model's evidential head tells; all others read the model's own logits."""
EVIDENCE: Mapping[str, Callable[[Tensor], Tensor]] = {
    "entropy": entropy,
    HEAD: certainty,
    "evidential_logits": certainty,
}


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of each score, and what confidence is read of."""

    consistency: float
    collaboration: float
    confidence: float
    effectiveness: float
    evidence: str = "entropy"

    def __post_init__(self) -> None:
        """Refuse what weighs nothing, and unknown words."""
        numbers = (self.consistency, self.collaboration, self.confidence, self.effectiveness)
        if min(numbers) < 0 or max(numbers) == 0:
            raise ValueError(f"the weights of the four scores are {numbers}: give numbers from 0, not all 0")
        if self.evidence not in EVIDENCE:
            raise ValueError(f"evidence {self.evidence!r} is unknown; choose one of {', '.join(EVIDENCE)}")

    @property
    def ask_head(self) -> bool:
        """Whether the model's evidential head has a say."""
        return self.evidence == HEAD and self.confidence > 0


@dataclass(frozen=True, slots=True)
class Values:
    """A model's judgement of sets of units and of the inputs without them, each (N, M)."""

    consistency: Tensor
    """The target's readout of the set alone."""
    collaboration: Tensor
    """One less the target's readout of the input without the set."""
    confidence: Tensor
    odds: Tensor
    """The log odds of both, weighed: they still differ where probabilities are all but 0 or 1."""

    def at(self, index: Tensor) -> "Values":
        """Return the values of some of the sets, by their places (N, M')."""
        return Values(*(getattr(self, field.name).gather(1, index) for field in fields(self)))


class Judge:
    """Asks a model about sets of units: two passes each."""

    def __init__(self, game: Game, weights: Weights) -> None:
        self.game, self.weights = game, weights
        self._head = head_of(game) if weights.ask_head else None
        self.ties = streams(game.batch.ids, "ties").permutation(game.players)
        """The order of units that nothing else tells apart, drawn once per sample."""

    def ask(self, kept: Tensor) -> Values:
        """Return the values of sets (N, M, U)."""
        if self._head is None:
            shown, rest = self.game.logits(torch.cat([kept, ~kept], 1)).chunk(2, 1)
            return self._values(shown, rest, shown)
        shown, seen = features(self.game, kept)
        return self._values(shown, self.game.logits(~kept), self._head(seen))

    @cached_property
    def _singles(self) -> tuple[Values, Tensor]:
        """The values of single units, and the angles (N, U, U) between their features, 1 for opposite ones."""
        kept = torch.eye(self.game.players, dtype=torch.bool).expand(len(self.game.batch), -1, -1)
        if not self.weights.effectiveness:
            return self.ask(kept), torch.empty(0)
        shown, seen = features(self.game, kept)
        evidence = shown if self._head is None else self._head(seen)
        return self._values(shown, self.game.logits(~kept), evidence), angles(seen)

    @property
    def alone(self) -> Values:
        """The values of every unit alone, in the order of the units."""
        return self._singles[0]

    @property
    def distances(self) -> Tensor:
        """The angles (N, U, U) between the features of every two units alone, in half turns."""
        return self._singles[1]

    def worth(self, values: Values, effectiveness: Tensor) -> Tensor:
        """Return what sets are worth in all, (N, M)."""
        weights = self.weights
        return (
            weights.consistency * values.consistency
            + weights.collaboration * values.collaboration
            + weights.confidence * values.confidence
            + weights.effectiveness * effectiveness
        )

    def _values(self, shown: Tensor, rest: Tensor, evidence: Tensor) -> Values:
        read, weights = self.game.read, self.weights
        odds = weights.consistency * read(shown, "log_odds") - weights.collaboration * read(rest, "log_odds")
        return Values(read(shown), 1 - read(rest), EVIDENCE[weights.evidence](evidence), odds)


def angles(vectors: Tensor) -> Tensor:
    """Return the angles (N, U, U) between every two of the vectors (N, U, F), in half turns; from nothing, a quarter.

    An arc cosine would lose half of the digits where vectors are nearly parallel (Kahan).
    """
    unit = normalize(vectors.double(), dim=-1)
    apart, together = (torch.cdist(unit, other, compute_mode=EXACT) for other in (unit, -unit))
    angle = 2 * torch.atan2(apart, together) / pi
    empty = (vectors == 0).all(-1)
    return torch.where(empty[:, :, None] | empty[:, None], 0.5, angle)


EXACT = "donot_use_mm_for_euclid_dist"
