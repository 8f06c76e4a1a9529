"""Tasks and models: what a question is made of, and the networks that it is asked about."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from .data import Batch, Truth, TruthType
from .entries import Entry, Registry, registries
from .errors import Refused
from .gate import Gate
from .identity import code_of, digest
from .network import Network
from .registry import Files, FunctionT, imputers

Samples = Callable[[Gate, str, int], Batch]
"""(model, split, size) to samples without their truth."""
Build = Callable[..., Network]
"""To a network; one that can be made anew takes the folder that holds its weights, if it is not the shipped one."""
Anew = Callable[[Path, Callable[[str], None]], Mapping[str, object]]

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
    """Facts about it: `sha256` of its weights, accuracies, recipe."""
    files: Files | None = None
    """The weights, where they are the user's own."""
    beside: tuple[Mapping[str, object], ...] = field(default=(), hash=False)
    """The cards of other weights that it holds, as those of an evidential head."""
    architecture: str = ""
    """The kind of network: networks of one architecture are a sample of it."""
    pair: tuple[str, ...] = ()
    """The names of the networks that it holds side by side; empty: it is one network."""
    anew: Anew | None = None
    """Makes another network of its kind for a run, weights NAME.safetensors and card NAME.json in the run's folder."""
    place: Path | None = None
    """The folder of a run that holds its weights, instead of the shipped ones."""

    @property
    def networks(self) -> tuple[str, ...]:
        """The names of the networks that it holds, its own if it is one."""
        return self.pair or (self.name,)

    def at(self, folder: Path) -> "Model":
        """Return the same with the weights that a run has made anew; itself where they cannot be."""
        if None in map(maker_of, self.networks):
            return self
        cards = [json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in self.networks]
        if self.pair:
            return replace(self, beside=tuple(cards), place=folder)
        return replace(self, card=cards[0], place=folder)

    @property
    def objection(self) -> str:
        """Why it may not be asked about planted truth: it must use the evidence, and nothing else; empty if it may."""
        if lacking := [str(card["left_out"]) for card in (self.card, *self.beside) if "left_out" in card]:
            return lacking[0]
        kept, removed = (self.card.get(f"accuracy_{which}") for which in ("evidence_only", "evidence_removed"))
        chance = self.card.get("chance", 0.0)
        if isinstance(kept, float) and kept < KEPT:
            return f"{self.name} reaches only {kept:.2f} accuracy with the evidence alone, {KEPT:.2f} needed"
        if isinstance(removed, float) and isinstance(chance, float) and removed > chance + SLACK:
            return f"{self.name} reaches {removed:.2f} accuracy without the evidence, {chance + SLACK:.2f} allowed"
        return ""

    @property
    def version(self) -> str:
        """The hash of its code, its weights and the gate's arithmetic."""
        return digest(*self._made_of, *held(self.files))

    @cached_property
    def _made_of(self) -> tuple[object, ...]:
        weights = [card.get("sha256", "") for card in (self.card, *self.beside)]
        return self.name, code_of(self.function), weights, code_of(Gate)


@dataclass(frozen=True)
class Source(Entry):
    """Training data that a model's recipe asks for by name."""


@dataclass(frozen=True)
class Task(Entry):
    """A question: samples, a model, a readout, and the function that knows the true answer, where one is known."""

    samples: Samples
    model: Model
    family: str
    truth_type: TruthType | Literal["none"]
    headline: str
    """The score that is control-normalised and goes into the leaderboard; empty where no truth is known."""
    knows: frozenset[str]
    """The parts of the truth that it can tell: relevant, impossible, effect, rival, values; scene: samples redrawn."""
    readout: str = "probability"
    imputer: str = "baseline"
    """The imputer for what a method or a metric hides."""
    shared: bool = False
    """Whether the same question is asked about several models, so that the name tells which."""
    files: Files | None = None
    """The data, where they are the user's own."""
    fresh: bool = False
    """Whether its samples can be drawn anew: it takes the name of any split for a seed."""

    @property
    def name(self) -> str:
        """The function's name, with the model's behind it where there are several."""
        return f"{self.function.__name__}@{self.model.name}" if self.shared else self.function.__name__

    @property
    def sample_set(self) -> str:
        """The hash of what the samples are: tasks that share it share their attributions."""
        made, _ = self._made_of
        what = made, self.samples.__name__, self.model.version, self.readout, self.imputer
        return digest(*what, self._hides, *held(self.files))

    @property
    def version(self) -> str:
        """The hash of what the answer depends on: generator, weights and settings."""
        return digest(self.sample_set, self._made_of[1], self.function.__name__, self.headline)

    @cached_property
    def _made_of(self) -> tuple[str, str]:
        return code_of(self.samples), code_of(self.function)

    @cached_property
    def _hides(self) -> str:
        return code_of(imputers[self.imputer].function)

    def at(self, networks: Path | None) -> "Task":
        """Return the same question about the networks that a run has made anew in a folder, where they can be."""
        return self if networks is None else replace(self, model=self.model.at(networks))

    def __reduce__(self) -> tuple[Callable[..., Entry], tuple[object, ...]]:
        """Travel between processes by name, and by the folder of its network's weights."""
        return _found, (self.name, self.model.place)

    @property
    def absent(self) -> str:
        """Why its samples or its network cannot be had here; empty if they can."""
        try:
            if self.files is not None:
                self.files()
            built(self.model)
        except Refused as reason:
            return str(reason)
        return ""

    @property
    def capability(self) -> str:
        """The name of the most that its model can answer; empty where there is none."""
        return "" if self.absent else self.gate().capability.__name__

    def gate(self, batch_size: int = 0) -> Gate:
        """Return a fresh gate to the task's model."""
        return Gate(built(self.model), self.readout, batch_size)

    def questions(self, split: str, size: int, batch_size: int = 0, *, truth: bool = True) -> Batch:
        """Return samples, with their truth or without; made once in a process, the samples once for all tasks on them.

        Who needs no truth asks for none: what has not been computed cannot be found.
        """
        cut = split, size, batch_size
        batch = _sampled(self.samples, self.model, self.readout, cut, self._state)
        known = _truth(self, cut, self._state) if truth else None
        return replace(batch, truth=known, imputer=self.imputer)

    @property
    def _state(self) -> tuple[str, ...]:
        """The state of the user's own files: samples are made anew when it changes."""
        return *held(self.model.files), *held(self.files)


def _found(name: str, networks: Path | None) -> Task:
    return tasks[name].at(networks)


def maker_of(name: str) -> Anew | None:
    """Return what makes a network anew; None for one that cannot be, as that of a single task."""
    return models[name].anew if name in models else None


def held(files: Files | None) -> tuple[str, ...]:
    """Return what goes into a hash for a user's own files; where they are not there, why."""
    try:
        return () if files is None else (files(),)
    except Refused as reason:
        return (str(reason),)


def built(model: Model) -> Network:
    """Build a model, once in a process as long as its files stay; what it refuses is kept, too."""
    network = _built(model, held(model.files))
    if isinstance(network, str):
        raise Refused(network)
    return network


@lru_cache(maxsize=16)
def _built(model: Model, _state: tuple[str, ...]) -> Network | str:
    try:
        network: Network = model.function() if model.place is None else model.function(model.place)
    except Refused as reason:
        return str(reason)
    return network


@lru_cache(maxsize=4)
def _sampled(samples: Samples, model: Model, readout: str, cut: tuple[str, int, int], _state: tuple[str, ...]) -> Batch:
    split, size, batch_size = cut
    return samples(Gate(built(model), readout, batch_size), split, size)


@lru_cache(maxsize=16)
def _truth(task: Task, cut: tuple[str, int, int], state: tuple[str, ...]) -> Truth | None:
    batch = _sampled(task.samples, task.model, task.readout, cut, state)
    truth: Truth | None = task.function(task.gate(cut[2]), batch)
    return truth


def forget_truths() -> None:
    """Forget the truth of samples, so that nobody finds it who is not handed it; it is made anew at the next need."""
    _truth.cache_clear()


def forget() -> None:
    """Forget networks, samples and truths, which are made anew at the next need: a part has changed them."""
    for cache in (_built, _sampled, _truth):
        cache.cache_clear()


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
    files: Files | None = None,
    beside: tuple[Mapping[str, object], ...] = (),
    architecture: str = "",
    pair: tuple[str, ...] = (),
    anew: Anew | None = None,
) -> Callable[[Build], Build]:
    """Register a network under its function's name; `files` says what weights of the user's it is made of.

    `beside` are the cards of shipped weights that it holds beside its own. `architecture` says what the network is an
    example of, and `pair` which networks it holds where it is two of them side by side: for suites that generalise over
    networks. `anew` makes another network of its kind in the folder of a run, which the function then takes.
    """

    def register(function: Build) -> Build:
        models.add(Model(function, train, card or {}, files, beside, architecture, pair, anew))
        return function

    return register


def task(
    *,
    samples: Samples,
    on: Build | tuple[str, ...],
    family: str,
    truth_type: TruthType | Literal["none"],
    headline: str,
    knows: set[str],
    readout: str = "probability",
    imputer: str = "baseline",
    files: Files | None = None,
    fresh: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a task under its function's name; on several models, one task `name@model` for each.

    `on` names registered models, or is the function that builds the task's own. A task without a truth has
    `truth_type="none"`, no headline and knows nothing, and its function returns None: it counts for no ranking.
    Samples are `fresh` if they can be drawn from any split, whose name is then the seed: verified runs need it.
    """
    if bool(headline) != bool(knows) or bool(knows) != (truth_type != "none"):
        raise ValueError(
            f"truth_type is {truth_type!r}, headline {headline!r}, knows {sorted(knows)}: a task that knows a truth "
            "has all three; one that knows none has truth_type='none', headline='' and knows=set()"
        )

    def register(function: Callable[[Gate, Batch], Truth | None]) -> Callable[[Gate, Batch], Truth | None]:
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
                    files=files,
                    fresh=fresh,
                )
            )
        return function

    return register
