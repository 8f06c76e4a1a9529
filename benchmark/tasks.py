"""Tasks and models: what a question is made of, and the networks that it is asked about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from .data import Batch, Truth, TruthType
from .gate import Gate
from .identity import code_of, digest
from .network import Network
from .registry import Named, Registry, find, registries, summary_of

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
}
"""A metric's word for a part of the truth, to what a task must know to serve it."""


@dataclass(frozen=True)
class Model:
    """A network that can be built by name."""

    function: Build
    train: Callable[[Callable[[str], None]], Mapping[str, object]] | None = None
    """Makes the weights again from their seed, tells its progress, writes them and returns their card."""
    weights: str = ""
    """SHA-256 of the weights that belong to it."""

    @property
    def name(self) -> str:
        """The name that it goes by: the function's own."""
        return self.function.__name__

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return summary_of(self.function)

    @cached_property
    def version(self) -> str:
        """The hash of its code, its weights and the gate's arithmetic."""
        return digest(code_of(self.function), self.weights, code_of(Gate))


@dataclass(frozen=True)
class Task:
    """A question with a known answer: samples, a model, a readout, and the function that knows the truth."""

    function: Callable[[Gate, Batch], Truth]
    samples: Samples
    model: Model
    family: str
    truth_type: TruthType
    headline: str
    """The score that is control-normalised and goes into the leaderboard."""
    knows: frozenset[str]
    """The parts of the truth that it can tell: relevant, impossible, effect, rival, values."""
    readout: str = "probability"
    imputer: str = "baseline"
    """What stands where something was removed, in a word: the protocol names it."""
    name: str = ""

    def __post_init__(self) -> None:
        """Take the function's name where none is given."""
        if not self.summary:
            raise ValueError(f"{self.function.__name__} has no docstring: say in its first line what it asks")
        object.__setattr__(self, "name", self.name or self.function.__name__)

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return summary_of(self.function)

    def __reduce__(self) -> tuple[Callable[[str, str], Named], tuple[str, str]]:
        """Travel between processes by name."""
        return find, ("task", self.name)

    @cached_property
    def sample_set(self) -> str:
        """The hash of what the samples are: tasks that share it share their attributions."""
        return digest(code_of(self.samples), self.samples.__name__, self.model.version, self.readout)

    @cached_property
    def version(self) -> str:
        """The hash of what the answer depends on: generator, weights and settings."""
        return digest(self.sample_set, code_of(self.function), self.function.__name__, self.headline, self.imputer)

    def gate(self, batch_size: int) -> Gate:
        """Return a fresh gate to the task's model."""
        return Gate(built(self.model), self.readout, batch_size)

    def questions(self, split: str, size: int, batch_size: int = 64) -> Batch:
        """Return samples with their truth; made once in a process, and the samples once for all tasks on them."""
        batch = _sampled(self.samples, self.model, self.readout, (split, size, batch_size))
        return replace(batch, truth=_truth(self, split, size, batch_size))


@lru_cache(maxsize=8)
def built(model: Model) -> Network:
    """Build a model, once in a process."""
    return model.function()


@lru_cache(maxsize=4)
def _sampled(samples: Samples, model: Model, readout: str, cut: tuple[str, int, int]) -> Batch:
    split, size, batch_size = cut
    return samples(Gate(built(model), readout, batch_size), split, size)


@lru_cache(maxsize=16)
def _truth(task: Task, split: str, size: int, batch_size: int) -> Truth:
    batch = _sampled(task.samples, task.model, task.readout, (split, size, batch_size))
    return task.function(task.gate(batch_size), batch)


models: Registry[Model] = Registry("model", "models")
tasks: Registry[Task] = Registry("task", "datasets")
registries.update(model=models, task=tasks)


def model(
    *, train: Callable[[Callable[[str], None]], Mapping[str, object]] | None = None, weights: str = ""
) -> Callable[[Build], Build]:
    """Register a network under its function's name."""

    def register(function: Build) -> Build:
        models.add(Model(function, train, weights))
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
            name = function.__name__ if callable(on) else f"{function.__name__}@{asked.name}"
            tasks.add(
                Task(function, samples, asked, family, truth_type, headline, frozenset(knows), readout, imputer, name)
            )
        return function

    return register
