"""The figures by which a task is admitted: what its headline score gives to the truth, to chance and to cheats."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from ..capabilities import WhiteBox, includes
from ..data import Batch, Truth
from ..errors import Refused
from ..gate import Gate
from ..question import Task
from ..randomness import streams
from ..registry import Better
from ..splits import SPLIT
from ..units import element_count, spread
from ._cheats import CHEATS, Blind, Cheat, without_own
from ._distortions import distorted
from ._judge import Judge, Scale, Values, values_of
from ._siblings import OWN, mean_of, siblings, truths_of
from .oracles import holder

UNSIGNED = ", unsigned"
REPEATS = 50
"""The number of random maps of each sample that chance is taken from."""

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a task's headline score; `networks`, `cheats` and `amortised` from 0 (random) to 1 (the oracle)."""

    samples: int
    better: Better
    gated: float
    """The share of the samples on which the truth has no score."""
    random: float
    """The mean score of many random maps."""
    oracle: float
    """The score of the truth."""
    noise: float
    """The standard deviation of the score of one random map per sample, from 0 to 1."""
    distorted: Mapping[str, float]
    """The scores of distorted truths."""
    networks: Mapping[str, float]
    """The scores of the truths about other networks, each by itself and their mean."""
    cheats: Mapping[str, float]
    """The scores of cheats that never ask the network about the sample, each with signs and without."""
    amortised: float
    """The score of the mean truth of other samples of the same class, which asks the network for the class."""
    unasked: Mapping[str, str]
    """Why other networks could not be asked, by their names."""
    skipped: Mapping[str, str]
    """Why cheats do not apply, by their names."""

    @property
    def gap(self) -> float:
        """The lead of the truth over random maps."""
        return self._beyond(self.oracle, self.random)

    @property
    def above(self) -> Mapping[str, float]:
        """The lead of the distorted truths over the truth."""
        return {name: self._beyond(score, self.oracle) for name, score in self.distorted.items()}

    def _beyond(self, one: float, other: float) -> float:
        return one - other if self.better == "higher" else other - one


def figures(task: Task, samples: int) -> Figures:
    """Measure a task on its first samples; one that knows no truth, or is not there, is Refused."""
    judge = _judge(task, samples)
    batch, truth, own = judge.batch, judge.truth, values_of(judge.truth)
    scale = Scale(torch.stack([judge.maps([chance]) for chance in _chance(batch)]), judge.parts(own))
    others, unasked = _tried({each.model.name: partial(truths_of, each, batch, own) for each in siblings(task)})
    blind = [_blind(judge.gate, batch, each) for each in (truth, truth.magnitude)]
    cheats, skipped = _tried({name: partial(_both_ways, cheat, blind, judge) for name, cheat in CHEATS.items()})
    return Figures(
        samples=len(batch),
        better=judge.metric.directions[task.headline],
        gated=1 - float(scale.counted.double().mean()),
        random=scale.random,
        oracle=scale.oracle,
        noise=scale.noise,
        distorted={name: scale.mean(judge.parts(values)) for name, values in distorted(own)},
        networks={name: scale.normalised(judge.parts(values)) for name, values in _about(others)},
        cheats={f"{name}{way}": scale.normalised(s) for name, ways in cheats.items() for way, s in ways.items()},
        amortised=scale.normalised(judge.parts([_class_mean(*each) for each in _questions(batch, truth)])),
        unasked=unasked,
        skipped=skipped,
    )


def _judge(task: Task, samples: int) -> Judge:
    """Return what a task is asked about, and by what its answers are judged."""
    if samples < 2:
        raise ValueError(f"samples is {samples}: cheats learn from other samples, so give at least 2")
    if not task.knows:
        raise Refused("it knows no truth, so it counts for no ranking")
    if task.absent:
        raise Refused(task.absent)
    batch = task.questions(SPLIT, samples)
    if batch.truth is None:
        raise ValueError(f"{task.name} knows {', '.join(sorted(task.knows))}, but returns no truth")
    return Judge(holder(task.headline), task.headline, task.gate(), batch, batch.truth)


def _chance(batch: Batch) -> Iterator[Tensor]:
    """Draw random maps, the same for all questions about a sample: (N, E), many times."""
    for repeat in range(REPEATS):
        yield streams(batch.ids, "chance", repeat).normal(element_count(batch.x)).double()


def _tried(asked: Mapping[str, Callable[[], ResultT]]) -> tuple[dict[str, ResultT], dict[str, str]]:
    """Return what can be had, and why the rest cannot."""
    done: dict[str, ResultT] = {}
    refused: dict[str, str] = {}
    for name, make in asked.items():
        try:
            done[name] = make()
        except Refused as reason:
            refused[name] = str(reason)
    return done, refused


def _about(others: Mapping[str, Mapping[str, Values]]) -> Iterator[tuple[str, Values]]:
    """Return the truths about each other network, and the mean over several."""
    for name, truths in others.items():
        yield from ((f"{name} (of {what})", values) for what, values in truths.items())
    if len(others) > 1:
        yield "all others, on average", mean_of([truths[OWN] for truths in others.values()])


def _blind(gate: Gate, batch: Batch, truth: Truth) -> list[Blind]:
    """Return what cheats know, for the target and, where there is one, for the rival."""
    copy = gate.randomized(0) if includes(gate.capability, WhiteBox) else None
    return [
        Blind(
            x=batch.x,
            baseline=batch.baseline,
            parts=truth.parts,
            elsewhere=without_own(values),
            map_elsewhere=without_own(spread(values, truth.parts)),
            untrained=copy.gradient(batch.x, target) if copy else None,
        )
        for values, target in _questions(batch, truth)
    ]


def _both_ways(cheat: Cheat, blind: Sequence[Sequence[Blind]], judge: Judge) -> dict[str, Tensor]:
    """Return a cheat's scores with signs and without them, each with what it knows of the truth judged so.

    A map is judged without signs where its method says that it has none: a cheat would say what pays.
    """
    signed, unsigned = ([cheat(each) for each in known] for known in blind)
    return {"": judge.maps(signed), UNSIGNED: judge.maps([each.abs() for each in unsigned], signed=False)}


def _questions(batch: Batch, truth: Truth) -> list[tuple[Tensor, Tensor]]:
    """Return what is true about the parts, and of which output: the target and, where there is one, the rival."""
    outputs = [batch.target] if truth.rival is None else [batch.target, truth.rival]
    return list(zip(values_of(truth), outputs, strict=False))


def _class_mean(values: Tensor, output: Tensor) -> Tensor:
    """Return the mean truth of the other samples that are asked about the same output; of all others if none is."""
    same = (output[:, None] == output).to(values).fill_diagonal_(0)
    count = same.sum(1, keepdim=True)
    return torch.where(count > 0, same @ values / count.clamp(min=1), without_own(values))
