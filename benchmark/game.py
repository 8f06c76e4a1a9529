"""Inputs as games of their units: what a model makes of them with only some of their units left."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from .capabilities import BlackBox
from .data import Batch
from .errors import Refused
from .gate import NUMBERS
from .network import check_readout, read_out
from .randomness import streams
from .ranking import rounding_of
from .registry import Imputer, imputers
from .units import at_elements, impute, unit_count


class Memory:
    """The last answers to what was asked about the same samples of the same network.

    Random coalitions, and those that leave one unit out, are the same for all maps: their passes are made once.
    """

    def __init__(self, size: int = 64) -> None:
        self.size = size
        self.passes = 0
        """The passes that did not have to be made."""
        self._answers: OrderedDict[bytes, Tensor] = OrderedDict()

    def recall(self, key: bytes, ask: Callable[[], Tensor]) -> Tensor:
        """Return logits (N, M, K) that were asked for before, or ask for them now."""
        if key in self._answers:
            self._answers.move_to_end(key)
            self.passes += self._answers[key].shape[:2].numel()
        else:
            self._answers[key] = ask()
            if len(self._answers) > self.size:
                self._answers.popitem(last=False)
        return self._answers[key].clone()


@dataclass(frozen=True)
class Game:
    """The value of coalitions: the target's score of each input with only some of its units left.

    What stands in for the others is the batch's imputer's. Every coalition costs one pass forward.
    """

    gate: BlackBox
    batch: Batch
    readout: str = ""
    """The readout of the outputs; empty: the gate's."""
    seed: int = 0
    """Where the imputer's random streams start: for the same sample, all coalitions meet the same draws."""
    parts: Tensor | None = None
    """Other units than the batch's, (N, E)."""
    count: int = 0
    """The number of those; 0: as many as their labels say."""
    memory: Memory | None = None
    """Earlier answers about these samples."""

    def __post_init__(self) -> None:
        """Refuse unknown words at once."""
        check_readout(self.readout)
        _ = self._part

    @cached_property
    def _part(self) -> Imputer:
        return imputers[self.batch.imputer]

    @cached_property
    def players(self) -> int:
        """The number of units, U."""
        return self.count or unit_count(self.units)

    @property
    def units(self) -> Tensor:
        """The unit that each element belongs to, (N, E); -1: never hidden."""
        return self.batch.units if self.parts is None else self.parts

    @cached_property
    def full(self) -> Tensor:
        """The score of the whole inputs, (N,); one pass."""
        return self.read(self._whole)[:, 0]

    @cached_property
    def _whole(self) -> Tensor:
        return self.logits(torch.ones(len(self.batch), 1, self.players, dtype=torch.bool))

    @property
    def rounding(self) -> float:
        """The gap between differences of scores, relative to the largest, that the model's precision alone makes."""
        return rounding_of(self._whole.dtype)

    @cached_property
    def empty(self) -> Tensor:
        """The score of the inputs without any of their units, (N,); one pass."""
        return self.scores(torch.zeros(len(self.batch), 1, self.players, dtype=torch.bool))[:, 0]

    def on(self, units: Tensor, count: int = 0) -> "Game":
        """Return the same game with other units (N, E), so many if their labels do not tell."""
        return replace(self, parts=units, count=count)

    def scores(self, kept: Tensor) -> Tensor:
        """Return the target's score (N, M) of each input with only the `kept` units (N, M, U) bool."""
        return self.read(self.logits(kept))

    def read(self, logits: Tensor, readout: str = "") -> Tensor:
        """Return a readout (N, M) of the target in logits (N, M, K); the game's own by default."""
        target = self.batch.target.repeat_interleave(logits.shape[1])
        flat = read_out(logits.flatten(0, 1), target, readout or self.readout or self.gate.readout)
        return flat.reshape(logits.shape[:2])

    def logits(self, kept: Tensor) -> Tensor:
        """Return the logits (N, M, K) of each input with only the `kept` units (N, M, U) bool.

        Small inputs share a pass; of pictures, each coalition makes a pass of its own.
        """
        if self.memory is None:
            return self._logits(kept)
        return self.memory.recall(self._key(kept), lambda: self._logits(kept))

    def _key(self, kept: Tensor) -> bytes:
        units = self.units.cpu().numpy().tobytes()
        what = repr((self.batch.ids, self.batch.imputer, self.seed, kept.shape)).encode()
        return hashlib.blake2b(what + units + kept.cpu().numpy().tobytes()).digest()

    def _logits(self, kept: Tensor) -> Tensor:
        together = max(1, NUMBERS // max(self.batch.x.numel(), 1))
        return torch.cat([self._some(chosen) for chosen in torch.split(kept, together, 1)], 1)

    def _some(self, chosen: Tensor) -> Tensor:
        times = chosen.shape[1]
        labels = _repeated(self.units, times)
        # What belongs to no unit is never hidden.
        mask = at_elements(chosen.flatten(0, 1), labels) | (labels < 0)
        logits = self._answer(mask, times)
        return logits.reshape(len(chosen), times, logits.shape[1])

    def _answer(self, kept: Tensor, times: int) -> Tensor:
        """Return the logits (N · times, K) for `kept` elements (N · times, E)."""
        if "model" in self._part.needs:
            logits: Tensor = self._filled(kept, times)
            return logits
        if "kept" in self._part.needs:
            return self.gate.logits(self._filled(kept, times))
        return self.gate.logits(impute(_repeated(self.batch.x, times), _repeated(self._picture, times), kept))

    @cached_property
    def _picture(self) -> Tensor:
        """The picture that all hidden elements are taken from, where the imputer does not look at what is kept."""
        return self._filled(torch.empty(0), 1).to(self.batch.x.dtype)

    def _filled(self, kept: Tensor, times: int) -> Tensor:
        batch = self.batch
        ids = [name for name in batch.ids for _ in range(times)]
        offers: dict[str, Callable[[], object]] = {
            "model": lambda: self.gate,
            "x": lambda: _repeated(batch.x, times),
            "baseline": lambda: _repeated(batch.baseline, times),
            "kept": lambda: kept,
            "pool": lambda: known_pool(batch),
            "redraw": lambda: _redraw(batch, tuple(ids)),
            "rng": lambda: streams(ids, self.seed, self.batch.imputer),
        }
        filled: Tensor = self._part.function(*(offers[word]() for word in self._part.needs), **dict(self._part.given))
        return filled


def known_pool(batch: Batch) -> Tensor:
    """Return the other samples that a batch comes with."""
    if batch.pool is None:
        raise Refused("these samples come without others to draw from (a `pool`): give some, or choose what needs none")
    return batch.pool


def _redraw(batch: Batch, ids: tuple[str, ...]) -> Callable[[Tensor], Tensor]:
    if batch.redraw is None:
        raise Refused("this dataset cannot make its samples again without a part: choose another imputer")
    make = batch.redraw
    return lambda kept: make(ids, kept)


def _repeated(values: Tensor, times: int) -> Tensor:
    return values if times == 1 else values.repeat_interleave(times, 0)
