"""Metrics under other protocols, on the stored maps of one set of samples."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from torch import Tensor

from ..benchmark import Batch, Metric, Task
from ..benchmark.game import Memory
from ..benchmark.harness import Asked, score
from ._rank_agreement import Floats

SIGNS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "signed": lambda maps: maps,
    "positive": lambda maps: maps.clamp(min=0),
    "magnitude": lambda maps: maps.abs(),
}
"""The readings of a map."""


@dataclass(frozen=True)
class Choices:
    """The choices that are varied; the suite's own is always among them."""

    imputers: tuple[str, ...] = ("baseline", "mean", "blur", "marginal", "noisy_linear")
    readouts: tuple[str, ...] = ("probability", "logit", "log_odds")
    signs: tuple[str, ...] = tuple(SIGNS)
    steps: tuple[int, ...] = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class Protocol:
    """A way of making a ranking."""

    imputer: str = ""
    sign: str = "signed"
    steps: int = 0
    readout: str = ""

    def settings(self, part: Metric) -> dict[str, object]:
        """Return what of it a metric is told."""
        told = {"imputer": self.imputer, "readout": self.readout, "steps": self.steps}
        return {name: value for name, value in told.items() if name in part.settings}


@dataclass(frozen=True)
class Setting:
    """One metric on the maps of one set of samples."""

    task: Task
    batch: Batch
    maps: Mapping[str, Tensor]
    """By method, (N, E)."""
    part: Metric
    told: Mapping[str, object]
    """The settings that the suite gives the metric."""
    seed: int
    memory: Memory = field(default_factory=Memory)

    @property
    def published(self) -> Protocol:
        """The suite's own protocol."""
        told = {**self.part.settings, **self.told}
        steps = told.get("steps", 0)
        imputer, readout = str(told.get("imputer", "")), str(told.get("readout", ""))
        return Protocol(
            imputer or self.task.imputer,
            steps=steps if isinstance(steps, int) else 0,
            readout=readout or self.task.readout,
        )

    def protocols(self, choices: Choices) -> Iterator[Protocol]:
        """Every protocol that the metric can be told, the published one first."""
        own = self.published
        yield own
        hides, cuts = "game" in self.part.needs, "steps" in self.part.settings
        others = product(
            (own.imputer, *choices.imputers) if hides else (own.imputer,),
            # A map that is made anew cannot be told its sign.
            choices.signs if "explain" not in self.part.needs else (own.sign,),
            (own.steps, *choices.steps) if cuts else (own.steps,),
            # All readouts of the same passes come one after the other: they are made once.
            (own.readout, *choices.readouts) if hides else (own.readout,),
        )
        yield from (protocol for protocol in dict.fromkeys(Protocol(*each) for each in others) if protocol != own)

    def values(self, protocol: Protocol) -> dict[str, Floats]:
        """Return each score of all methods, (M, N)."""
        found = [self._scored(SIGNS[protocol.sign](maps), protocol) for maps in self.maps.values()]
        return {name: np.stack([scores[name].double().numpy() for scores in found]) for name in self.part.directions}

    def _scored(self, maps: Tensor, protocol: Protocol) -> Mapping[str, Tensor]:
        asked = Asked(self.part, {**self.told, **protocol.settings(self.part)}, self.seed)
        return score(asked, self.task.gate(), self.batch, maps, None, self.memory)[0]
