"""Tasks and models: what a question is made of, and the networks that it is asked about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

from .data import Batch, Truth, TruthType
from .entries import Entry, Registry, registries
from .gate import Gate
from .identity import code_of, digest
from .network import Network
from .registry import FunctionT, imputers

Samples = Callable[[Gate, str, int], Batch]
"""(model, split, size) to samples without their truth."""
Build = Callable[[], Network]

KNOWN_AS: Mapping[str, str] = {
    "truth": "relevant",
    "impossible": "impossible",
    "effect": "effect",
    "rival": "rival",
    "rival_effect": "rival",
    "values": "values",
    "scene": "scene",
}
"""A metric's word for a part of the truth, to what a task must know to serve it."""


KEPT = 0.90
SLACK = 0.05
"""The model gate: accuracy with the evidence alone, and how far above chance it may be without."""


@dataclass(frozen=True)
class Model(Entry):
    """A network that can be built by name."""

    train: Callable[[Callable[[str], None]], Mapping[str, object]] | None = None
    """Makes the weights again from their seed, tells its progress, writes them and returns their card."""
    card: Mapping[str, object] = field(default_factory=dict, hash=False)
    """What is known of it: `sha256` of its weights, accuracies, recipe."""

    @property
    def objection(self) -> str:
        """Why it may not be asked about planted truth: it must use the evidence, and nothing else; empty if it may."""
        kept, removed = (self.card.get(f"accuracy_{which}") for which in ("evidence_only", "evidence_removed"))
        chance = self.card.get("chance", 0.0)
        if isinstance(kept, float) and kept < KEPT:
            return f"{self.name} reaches only {kept:.2f} accuracy with the evidence alone, {KEPT:.2f} needed"
        if isinstance(removed, float) and isinstance(chance, float) and removed > chance + SLACK:
            return f"{self.name} reaches {removed:.2f} accuracy without the evidence, {chance + SLACK:.2f} allowed"
        return ""

    @cached_property
    def version(self) -> str:
        """The hash of its code, its weights and the gate's arithmetic."""
        return digest(self.name, code_of(self.function), self.card.get("sha256", ""), code_of(Gate))


@dataclass(frozen=True)
class Source(Entry):
    """Training data that a model's recipe asks for by name."""


@dataclass(frozen=True)
class Task(Entry):
    """A question with a known answer: samples, a model, a readout, and the function that knows the truth."""

    samples: Samples
    model: Model
    family: str
    truth_type: TruthType
    headline: str
    """The score that is control-normalised and goes into the leaderboard."""
    knows: frozenset[str]
    """The parts of the truth that it can tell: relevant, impossible, effect, rival, values; scene: samples redrawn."""
    readout: str = "probability"
    imputer: str = "baseline"
    """What stands in for what a method or a metric hides."""
    shared: bool = False
    """Whether the same question is asked about several models, so that the name tells which."""

    @property
    def name(self) -> str:
        """The function's name, with the model's behind it where there are several."""
        return f"{self.function.__name__}@{self.model.name}" if self.shared else self.function.__name__

    @cached_property
    def sample_set(self) -> str:
        """The hash of what the samples are: tasks that share it share their attributions."""
        what = code_of(self.samples), self.samples.__name__, self.model.version, self.readout, self.imputer
        return digest(*what, code_of(imputers[self.imputer].function))

    @cached_property
    def version(self) -> str:
        """The hash of what the answer depends on: generator, weights and settings."""
        return digest(self.sample_set, code_of(self.function), self.function.__name__, self.headline)

    def gate(self, batch_size: int = 0) -> Gate:
        """Return a fresh gate to the task's model."""
        return Gate(built(self.model), self.readout, batch_size)

    def questions(self, split: str, size: int, batch_size: int = 0) -> Batch:
        """Return samples with their truth; made once in a process, and the samples once for all tasks on them."""
        batch = _sampled(self.samples, self.model, self.readout, (split, size, batch_size))
        return replace(batch, truth=_truth(self, split, size, batch_size), imputer=self.imputer)


@lru_cache(maxsize=8)
def built(model: Model) -> Network:
    """Build a model, once in a process."""
    network: Network = model.function()
    return network


@lru_cache(maxsize=4)
def _sampled(samples: Samples, model: Model, readout: str, cut: tuple[str, int, int]) -> Batch:
    split, size, batch_size = cut
    return samples(Gate(built(model), readout, batch_size), split, size)


@lru_cache(maxsize=16)
def _truth(task: Task, split: str, size: int, batch_size: int) -> Truth:
    batch = _sampled(task.samples, task.model, task.readout, (split, size, batch_size))
    truth: Truth = task.function(task.gate(batch_size), batch)
    return truth


models: Registry[Model] = Registry("model", "models")
tasks: Registry[Task] = Registry("task", "datasets")
sources: Registry[Source] = Registry("training data", "datasets")
registries.update(model=models, task=tasks, source=sources)


def training_data(function: FunctionT) -> FunctionT:
    """Register training data under its function's name, for the recipes of models to find."""
    sources.add(Source(function))
    return function


def model(
    *,
    train: Callable[[Callable[[str], None]], Mapping[str, object]] | None = None,
    card: Mapping[str, object] | None = None,
) -> Callable[[Build], Build]:
    """Register a network under its function's name."""

    def register(function: Build) -> Build:
        models.add(Model(function, train, card or {}))
        return function

    return register


def task(
    *,
    samples: Samples,
    on: Build | tuple[str, ...],
    family: str,
    truth_type: TruthType,
    headline: str,
    knows: set[str],
    readout: str = "probability",
    imputer: str = "baseline",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a task under its function's name; on several models, one task `name@model` for each.

    `on` names registered models, or is the function that builds the task's own.
    """

    def register(function: Callable[[Gate, Batch], Truth]) -> Callable[[Gate, Batch], Truth]:
        for asked in [Model(on)] if callable(on) else [models[name] for name in on]:
            tasks.add(
                Task(
                    function=function,
                    samples=samples,
                    model=asked,
                    family=family,
                    truth_type=truth_type,
                    headline=headline,
                    knows=frozenset(knows),
                    readout=readout,
                    imputer=imputer,
                    shared=not callable(on),
                )
            )
        return function

    return register
