"""Metrics under other protocols, on the stored maps of one set of samples."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
import torch
from torch import Tensor

from ..benchmark import Batch, Game, Metric, Task, streams
from ..benchmark.harness import Asked, score
from ._rank_agreement import Floats

SIGNS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "signed": lambda maps: maps,
    "positive": lambda maps: maps.clamp(min=0),
    "magnitude": lambda maps: maps.abs(),
}
"""What is read of a map."""

OFFERED = {"game", "units", "attribution", "rng"}
"""What the panel itself can hand a metric that hides something."""


@dataclass(frozen=True)
class Choices:
    """What is varied; the suite's own choice is always among them."""

    imputers: tuple[str, ...] = ("baseline", "mean", "blur", "marginal", "noisy_linear")
    readouts: tuple[str, ...] = ("probability", "logit", "log_odds")
    signs: tuple[str, ...] = tuple(SIGNS)
    steps: tuple[int, ...] = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a ranking is made."""

    imputer: str = ""
    readout: str = ""
    sign: str = "signed"
    steps: int = 0

    def settings(self, part: Metric) -> dict[str, object]:
        """Return what of it a metric is told."""
        told = {"imputer": self.imputer, "readout": self.readout, "steps": self.steps}
        return {name: value for name, value in told.items() if name in part.settings}


@dataclass(frozen=True)
class Remembering(Game):
    """A game that never asks for the same coalition of a sample twice."""

    memory: dict[tuple[int, bytes], Tensor] = field(default_factory=dict)

    def logits(self, kept: Tensor) -> Tensor:
        """Return the logits (N, M, K) of each input with only the `kept` units (N, M, U) bool."""
        packed = np.packbits(kept.numpy(), axis=2)
        keys = [[(i, row.tobytes()) for row in sample] for i, sample in enumerate(packed)]
        # All samples ask the same number of times, so a place is asked again if it is new to any of them.
        new = [m for m in range(kept.shape[1]) if any(sample[m] not in self.memory for sample in keys)]
        if new:
            for m, column in zip(new, super().logits(kept[:, new]).unbind(1), strict=True):
                self.memory.update({sample[m]: row for sample, row in zip(keys, column, strict=True)})
        return torch.stack([torch.stack([self.memory[key] for key in sample]) for sample in keys])


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
    memory: dict[str, dict[tuple[int, bytes], Tensor]] = field(default_factory=dict)

    @property
    def published(self) -> Protocol:
        """The suite's own protocol."""
        told = {**self.part.settings, **self.told}
        steps = told.get("steps", 0)
        imputer, readout = str(told.get("imputer", "")), str(told.get("readout", ""))
        return Protocol(
            imputer or self.task.imputer, readout or self.task.readout, steps=steps if isinstance(steps, int) else 0
        )

    def protocols(self, choices: Choices) -> Iterator[Protocol]:
        """Every protocol that the metric can be told, the published one first."""
        own = self.published
        yield own
        hides, cuts = "game" in self.part.needs, "steps" in self.part.settings
        others = product(
            (own.imputer, *choices.imputers) if hides else (own.imputer,),
            (own.readout, *choices.readouts) if hides else (own.readout,),
            # A map that is made anew cannot be told its sign.
            choices.signs if "explain" not in self.part.needs else (own.sign,),
            (own.steps, *choices.steps) if cuts else (own.steps,),
        )
        yield from (protocol for protocol in dict.fromkeys(Protocol(*each) for each in others) if protocol != own)

    def values(self, protocol: Protocol) -> dict[str, Floats]:
        """Return each score of all methods, (M, N)."""
        found = [self._scored(SIGNS[protocol.sign](maps), protocol) for maps in self.maps.values()]
        return {name: np.stack([scores[name].double().numpy() for scores in found]) for name in self.part.directions}

    def _scored(self, maps: Tensor, protocol: Protocol) -> Mapping[str, Tensor]:
        told = {**self.told, **protocol.settings(self.part)}
        asked = Asked(self.part, told, self.seed)
        if "game" not in self.part.needs or not set(self.part.needs) <= OFFERED:
            return score(asked, self.task.gate(), self.batch, maps, None)[0]
        batch = self.batch
        memory = self.memory.setdefault(protocol.imputer, {})
        sealed = replace(batch, truth=None, imputer=protocol.imputer)
        game = Remembering(self.task.gate(), sealed, protocol.readout, self.seed, memory=memory)
        answer = asked.call(
            {
                "game": lambda: game,
                "units": lambda: batch.units,
                "attribution": lambda: maps,
                "rng": lambda: streams(batch.ids, self.seed, self.part.name, 0),
            }
        )
        return answer if isinstance(answer, Mapping) else {self.part.name: answer}  # type: ignore[dict-item]
