"""Methods, metrics, imputers and dividers: functions whose signature is their declaration."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, Self, TypeVar

from .capabilities import LADDER, BlackBox, Layered, includes
from .dependencies import PACKAGE
from .entries import Entry, Registry, registries

Role = Literal["entrant", "control", "canary"]
Better = Literal["higher", "lower"]
Reads = Literal["signed", "positive", "magnitude"]
Files = Callable[[], str]
"""The hash of what a user's own files hold, which nothing asks for before it is needed; Refused where they are not."""
Chance = float | Callable[..., float | None] | None
"""The mean of scores of random maps: a number for all settings, or by named settings; None where it is not known."""
Passes = Callable[..., tuple[int, int]]
"""Named settings, and `units` for their number, to single inputs (forward, backward) per sample."""

METHOD_WORDS = frozenset({"model", "game", "x", "target", "units", "baseline", "pool", "rng", "truth"})
TRUTH_WORDS = frozenset({"truth", "impossible", "parts", "effect", "rival", "rival_effect", "values", "scene"})
METRIC_WORDS = METHOD_WORDS | TRUTH_WORDS | {"attribution", "explain"}
IMPUTER_WORDS = frozenset({"model", "x", "baseline", "kept", "pool", "redraw", "rng"})
DIVIDER_WORDS = frozenset({"x"})

GAME_SETTINGS: Mapping[str, object] = MappingProxyType({"imputer": "", "readout": "", "regions": ""})
"""Settings of every part that hides units: what stands there instead, what is read, and what the units are.

Empty: the task's own.
"""


LAYER_SETTINGS: Mapping[str, object] = MappingProxyType({"layer": ""})
"""Settings of every method that asks a model: the layer to explain from; empty: from the input."""
INSIDE = 2
"""The passes that it costs to start from a layer: one for its activation, one to see that nothing bypasses it."""
READERS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {"bool": lambda word: {"true": True, "false": False}[word.lower()], "int": int, "float": float, "str": str}
)
"""Readers of a setting that is written in a name, by the type of its default."""

ResultT = TypeVar("ResultT")

SENTENCE = re.compile(r"(?<=\.) (?=[A-Z`-])")


@dataclass(frozen=True)
class Part(Entry):
    """A function with what its signature and docstring declare."""

    paper: str = ""
    passes: Passes | None = None
    given: tuple[tuple[str, object], ...] = ()
    """Settings that make it a variant: its name tells them."""
    words = frozenset[str]()

    @property
    def name(self) -> str:
        """The function's own name; a variant's tells its settings, as in `kernel_shap[budget=100]`."""
        told = ",".join(f"{name}={value}" for name, value in self.given)
        return f"{self.base}[{told}]" if told else self.base

    @property
    def base(self) -> str:
        """The name that it was registered under."""
        return self.function.__name__

    def variant(self, **settings: object) -> Self:
        """Return the part with other defaults, under a name that tells them; a misspelt setting is a ValueError."""
        chosen = {**dict(self.given), **settings}
        self.with_defaults(chosen)
        given = tuple((name, chosen[name]) for name in self.settings if name in chosen)
        return replace(self, given=given)

    def spelt(self, words: str) -> Self:
        """Return the variant that is written as `name=value,name=value`, each value as its setting's default is."""
        pairs = [word.partition("=") for word in words.split(",") if word.strip()]
        self.with_defaults({name.strip(): value for name, _, value in pairs})
        return self.variant(**{name.strip(): self._read(name.strip(), value.strip()) for name, _, value in pairs})

    def _read(self, name: str, word: str) -> object:
        kind = type(self.settings[name]).__name__
        try:
            return READERS[kind](word)
        except (KeyError, ValueError):
            raise ValueError(f"{self.name}: {name}={word!r} is no {kind}") from None

    def __post_init__(self) -> None:
        """Read the signature; refuse what is not a declaration."""
        super().__post_init__()
        for parameter in inspect.signature(self.function).parameters.values():
            self._check(parameter)

    def _check(self, parameter: inspect.Parameter) -> None:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            if parameter.default is inspect.Parameter.empty:
                raise ValueError(f"{self.name}: the setting {parameter.name!r} has no default: give it one")
        elif parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise ValueError(f"{self.name}: *{parameter.name} is not a declaration: name each parameter")
        elif parameter.name not in self.words:
            close = get_close_matches(parameter.name, self.words, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(self.words))}"
            raise ValueError(
                f"{self.name}: nothing is called {parameter.name!r} ({hint}); "
                "a setting goes behind a `*`, with a default"
            )

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The arguments that the harness hands in, in this order."""
        return tuple(p.name for p in self._parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY)

    @cached_property
    def settings(self) -> Mapping[str, object]:
        """The settings and their defaults; those of its game come first."""
        own = {p.name: p.default for p in self._parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
        return MappingProxyType({**self.common, **own, **dict(self.given)})

    @property
    def common(self) -> Mapping[str, object]:
        """The settings that the harness itself answers to, and their defaults."""
        return GAME_SETTINGS if "game" in self.needs else {}

    @cached_property
    def capability(self) -> type | None:
        """The capability that it asks of the model, by the annotation of `model`; None where it asks nothing."""
        if "model" not in self.needs:
            return None if {"game", "scene"}.isdisjoint(self.needs) else BlackBox
        annotation = inspect.signature(self.function, eval_str=True).parameters["model"].annotation
        if annotation not in LADDER:
            names = ", ".join(c.__name__ for c in LADDER)
            raise ValueError(f"{self.name}: annotate `model` with what it needs, one of {names}; got {annotation}")
        return annotation  # type: ignore[no-any-return]

    @property
    def own(self) -> frozenset[str]:
        """The settings that its function takes."""
        return frozenset(p.name for p in self._parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)

    @property
    def stochastic(self) -> bool:
        """Whether it draws random numbers."""
        return "rng" in self.needs

    @property
    def _parameters(self) -> tuple[inspect.Parameter, ...]:
        return tuple(inspect.signature(self.function).parameters.values())

    def with_defaults(self, settings: Mapping[str, object]) -> dict[str, object]:
        """Return all settings, the given ones in place; a misspelt one is a ValueError."""
        for name in settings:
            if name not in self.settings:
                close = get_close_matches(name, self.settings, n=1)
                known = ", ".join(self.settings) or "none"
                raise ValueError(
                    f"{self.name} has no setting {name!r}: "
                    + (f"did you mean {close[0]!r}?" if close else f"its settings: {known}")
                )
        return {**self.settings, **settings}

    def passes_of(self, settings: Mapping[str, object], units: int) -> tuple[int, int] | None:
        """Return the single inputs (forward, backward) per sample in closed form; None where it does not say."""
        if self.passes is None:
            return None
        words = {**self.settings, **settings, "units": units}
        forward, backward = _told(self.passes, words)
        if "layer" in self.own or not words.get("layer"):
            return forward, backward
        # The units of a layer are its own places, whose number is not known here.
        return None if "units" in inspect.signature(self.passes).parameters else (forward + INSIDE, backward)


def _told(function: Callable[..., ResultT], words: Mapping[str, object]) -> ResultT:
    """Return what a function says about the words that it names."""
    return function(**{name: words[name] for name in inspect.signature(function).parameters})


@dataclass(frozen=True)
class Method(Part):
    """An attribution method."""

    signed: bool = True
    """Whether its values can be below 0."""
    role: Role = "entrant"
    library: str = ""
    """The package of others that computes it; empty: it is our own."""
    files: Files | None = None
    """The data that it reads, where there are any."""
    words = METHOD_WORDS

    @property
    def base(self) -> str:
        """The name that it was registered under: `lime`, or `lime@captum` where a library computes it."""
        return f"{super().base}@{self.library}" if self.library else super().base

    def __post_init__(self) -> None:
        """Keep the truth from all but the shipped controls and canaries."""
        super().__post_init__()
        if self.library and not self.library.isidentifier():
            raise ValueError(f"{self.name[:80]!r}: `library` is the name that a package is imported by, as in 'captum'")
        if self.role != "entrant" and not self.function.__module__.startswith(f"{PACKAGE}."):
            raise ValueError(f"{self.name}: only shipped methods can have the role {self.role!r}")
        if self.role == "entrant" and "truth" in self.needs:
            raise ValueError(f"{self.name}: a method never sees the truth: drop the parameter 'truth'")
        _ = self.capability

    @property
    def common(self) -> Mapping[str, object]:
        """The settings of its game, and the layer that it starts from unless it reads layers itself."""
        asks = self.capability is not None and not includes(self.capability, Layered)
        return {**super().common, **LAYER_SETTINGS} if asks else super().common


@dataclass(frozen=True)
class Metric(Part):
    """An evaluation metric: values per sample, or several named scores from the same passes."""

    better: Better | Mapping[str, Better] = "higher"
    reads: Reads | Mapping[str, Reads] = "signed"
    """Its reading of an attribution; or, by score, the readings that are not signed."""
    scale_free: bool = True
    """Whether its score stays when the attribution is multiplied by a positive number."""
    imputer: str = ""
    """The imputer for what it hides, unless it is told otherwise; empty: the task's own."""
    descriptive: tuple[str, ...] = ()
    """Its scores that describe a map, and need not order the truth, noise and the truth's opposite by themselves."""
    chance: Chance = None
    """The mean of all its scores over random maps whose opposites are as likely, where symmetry tells it; or None."""
    words = METRIC_WORDS

    def __post_init__(self) -> None:
        """Read the annotation of the model at once; refuse what is said of a score that there is not."""
        super().__post_init__()
        _ = self.capability
        said = [*self.descriptive, *(() if isinstance(self.reads, str) else self.reads)]
        for name in (each for each in said if each not in self.directions):
            raise ValueError(f"{self.name} has no score {name!r}: its scores are {', '.join(self.directions)}")

    @property
    def common(self) -> Mapping[str, object]:
        """The settings of its game, with an imputer of its own where it names one."""
        return {**super().common, "imputer": self.imputer} if self.imputer else super().common

    @property
    def directions(self) -> Mapping[str, Better]:
        """The direction of each named score."""
        return {self.name: self.better} if isinstance(self.better, str) else self.better

    def undefined(self, score: str) -> str:
        """Return when one of its scores is NaN, in the words of its docstring; empty where it does not say."""
        text = " ".join((self.function.__doc__ or "").split())
        said = [sentence.removeprefix("- ") for sentence in SENTENCE.split(text) if "NaN" in sentence]
        own = [sentence for sentence in said if f"`{score}`" in sentence]
        others = [sentence for sentence in said if not any(f"`{name}`" in sentence for name in self.directions)]
        return " ".join(own + [sentence for sentence in others if not sentence.startswith("`")] or said)

    def chance_of(self, settings: Mapping[str, object]) -> float | None:
        """Return the mean of its scores over random maps, where it is known with these settings."""
        return _told(self.chance, {**self.settings, **settings}) if callable(self.chance) else self.chance

    def reads_of(self, score: str) -> Reads:
        """Return what one of its scores reads of an attribution."""
        return self.reads if isinstance(self.reads, str) else self.reads.get(score, "signed")


@dataclass(frozen=True)
class Imputer(Part):
    """A way of filling in hidden elements.

    One that names `kept` makes the whole input for each choice of elements, any other a picture to take them from; one
    that names `model` lets the network itself leave them out, and answers with logits.
    """

    words = IMPUTER_WORDS


@dataclass(frozen=True)
class Divider(Part):
    """A way of cutting each input into regions: labels (N, E), as many regions as it takes, numbered from 0."""

    words = DIVIDER_WORDS


methods: Registry[Method] = Registry("method", "methods")
metrics: Registry[Metric] = Registry("metric", "metrics")
imputers: Registry[Imputer] = Registry("imputer", "benchmark.imputation")
dividers: Registry[Divider] = Registry("divider", "benchmark.division")

registries.update(method=methods, metric=metrics, imputer=imputers, divider=dividers)


FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def method(
    *,
    paper: str = "",
    signed: bool = True,
    role: Role = "entrant",
    passes: Passes | None = None,
    library: str = "",
    files: Files | None = None,
) -> Callable[[FunctionT], FunctionT]:
    """Register an attribution method under its function's name, with the `library` behind it that computes it.

    `passes` gives the closed-form cost per sample, (forward, backward), from the settings and the number of `units`.
    `files` returns the hash of the data that it reads: stored results belong to the data that they were made with.
    """

    def register(function: FunctionT) -> FunctionT:
        methods.add(Method(function, paper, passes, (), signed, role, library, files))
        return function

    return register


def metric(
    *,
    better: Better | Mapping[str, Better],
    paper: str = "",
    reads: Reads | Mapping[str, Reads] = "signed",
    scale_free: bool = True,
    imputer: str = "",
    descriptive: tuple[str, ...] = (),
    passes: Passes | None = None,
    chance: Chance = None,
) -> Callable[[FunctionT], FunctionT]:
    """Register a metric under its function's name; `better` is a direction, or one for each of its named scores.

    One that hides something with an `imputer` of its own names it, and its `descriptive` scores, which do not tell the
    truth from its opposite by themselves. `chance` is what it expects of a random map whose opposite is as likely, the
    zero of normalised scores: 0 where opposite maps have opposite scores.
    """

    def register(function: FunctionT) -> FunctionT:
        metrics.add(Metric(function, paper, passes, (), better, reads, scale_free, imputer, descriptive, chance))
        return function

    return register


def imputer(*, paper: str = "") -> Callable[[FunctionT], FunctionT]:
    """Register what stands in for hidden elements under its function's name."""

    def register(function: FunctionT) -> FunctionT:
        imputers.add(Imputer(function, paper))
        return function

    return register


def divider(*, paper: str = "") -> Callable[[FunctionT], FunctionT]:
    """Register a way of cutting inputs into regions under its function's name; its setting `pieces` is how many."""

    def register(function: FunctionT) -> FunctionT:
        dividers.add(Divider(function, paper))
        return function

    return register
