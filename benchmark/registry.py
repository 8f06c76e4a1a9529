"""Registries that read the function instead of asking again: its name, its parameters, its first docstring line."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import walk_packages
from types import MappingProxyType, ModuleType
from typing import Any, Generic, Literal, TypeVar

from .capabilities import LADDER
from .errors import UnknownName

PACKAGE = __name__.rpartition(".benchmark")[0]

Role = Literal["entrant", "control", "canary"]
Better = Literal["higher", "lower"]
Passes = Callable[..., tuple[int, int]]
"""Named settings, and `units` for their number, to single inputs (forward, backward) per sample."""

METHOD_WORDS = frozenset({"model", "x", "target", "units", "baseline", "rng", "truth"})
METRIC_WORDS = frozenset(
    {"attribution", "truth", "impossible", "parts", "effect", "rival", "rival_effect", "values"}
    | {"model", "x", "target", "units", "baseline", "explain", "rng"}
)
TRUTH_WORDS = frozenset({"truth", "impossible", "parts", "effect", "rival", "rival_effect", "values"})


@dataclass(frozen=True)
class Entry:
    """A function that a registry holds, known by its own name and the first line of its docstring."""

    function: Callable[..., Any]

    def __post_init__(self) -> None:
        """Refuse a function that does not say what it is."""
        if not self.summary:
            raise ValueError(f"{self.name} has no docstring: say in its first line what it is")

    @property
    def name(self) -> str:
        """The name that it goes by: the function's own."""
        return self.function.__name__

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def __reduce__(self) -> tuple[Callable[[str, str], "Entry"], tuple[str, str]]:
        """Travel between processes by name."""
        return find, (type(self).__name__.lower(), self.name)


EntryT = TypeVar("EntryT", bound=Entry)


class Registry(Generic[EntryT]):
    """All parts of one kind by name; the shipped ones and installed plug-ins load on the first look."""

    def __init__(self, kind: str, folder: str) -> None:
        self.kind = kind
        self.folder = folder
        self._parts: dict[str, EntryT] = {}
        self._loaded = False

    def add(self, part: EntryT) -> EntryT:
        """Register a part; a name that another function holds is a ValueError."""
        holder = self._parts.get(part.name)
        if holder is not None and _origin(holder.function) != _origin(part.function):
            raise ValueError(
                f"{self.kind} {part.name!r} is already defined in {_origin(holder.function)}: choose another name"
            )
        self._parts[part.name] = part
        return part

    def load(self) -> None:
        """Import the shipped parts and those of installed plug-ins, once."""
        if self._loaded:
            return
        self._loaded = True
        try:
            self._load()
        except BaseException:
            self._loaded = False
            raise

    def _load(self) -> None:
        package = import_module(f"{PACKAGE}.{self.folder}")
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
        for entry in entry_points(group=f"heatproof.{self.folder}"):
            try:
                entry.load()
            except Exception as error:
                raise ValueError(f"the plug-in {entry.name} ({entry.value}) does not load: {error}") from error

    def __getitem__(self, name: str) -> EntryT:
        self.load()
        if name not in self._parts:
            close = get_close_matches(name, self._parts, n=3, cutoff=0.5)
            advice = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(sorted(self._parts))}"
            raise UnknownName(f"unknown {self.kind} {name!r}: {advice}")
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        self.load()
        return iter(sorted(self._parts))

    def __len__(self) -> int:
        self.load()
        return len(self._parts)

    def __contains__(self, name: object) -> bool:
        self.load()
        return name in self._parts

    def from_module(self, module: ModuleType) -> tuple[EntryT, ...]:
        """Return the parts that a module defines."""
        return tuple(part for part in self._parts.values() if part.function.__module__ == module.__name__)


def _origin(function: Callable[..., Any]) -> str:
    """Return where a function is from; a notebook gives each version of a cell another file."""
    file = function.__module__ if function.__module__ == "__main__" else inspect.getsourcefile(function)
    return f"{file or function.__module__}:{function.__qualname__}"


@dataclass(frozen=True)
class Part(Entry):
    """A function with what its signature and docstring declare."""

    paper: str = ""
    passes: Passes | None = None
    words = frozenset[str]()

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
        """What the harness hands in, in this order."""
        return tuple(p.name for p in self._parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY)

    @cached_property
    def settings(self) -> Mapping[str, object]:
        """The settings and their defaults."""
        own = (p for p in self._parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)
        return MappingProxyType({p.name: p.default for p in own})

    @cached_property
    def capability(self) -> type | None:
        """What it asks of the model, by the annotation of `model`; None where it asks nothing."""
        if "model" not in self.needs:
            return None
        annotation = inspect.signature(self.function, eval_str=True).parameters["model"].annotation
        if annotation not in LADDER:
            names = ", ".join(c.__name__ for c in LADDER)
            raise ValueError(f"{self.name}: annotate `model` with what it needs, one of {names}; got {annotation}")
        return annotation  # type: ignore[no-any-return]

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
        return self.passes(**{name: words[name] for name in inspect.signature(self.passes).parameters})


@dataclass(frozen=True)
class Method(Part):
    """An attribution method."""

    signed: bool = True
    """Whether its values tell support from opposition."""
    role: Role = "entrant"
    words = METHOD_WORDS

    def __post_init__(self) -> None:
        """Keep the truth from all but the shipped controls and canaries."""
        super().__post_init__()
        if self.role != "entrant" and not self.function.__module__.startswith(f"{PACKAGE}."):
            raise ValueError(f"{self.name}: only shipped methods can have the role {self.role!r}")
        if self.role == "entrant" and "truth" in self.needs:
            raise ValueError(f"{self.name}: a method never sees the truth: drop the parameter 'truth'")
        _ = self.capability


@dataclass(frozen=True)
class Metric(Part):
    """An evaluation metric: values per sample, or several named scores from the same passes."""

    better: Better | Mapping[str, Better] = "higher"
    reads: Literal["signed", "positive", "magnitude"] = "signed"
    """What it reads of an attribution."""
    scale_free: bool = True
    """Whether its score stays when the attribution is multiplied by a positive number."""
    words = METRIC_WORDS

    def __post_init__(self) -> None:
        """Read the annotation of the model at once."""
        super().__post_init__()
        _ = self.capability

    @property
    def directions(self) -> Mapping[str, Better]:
        """The direction of each named score."""
        return {self.name: self.better} if isinstance(self.better, str) else self.better


methods: Registry[Method] = Registry("method", "methods")
metrics: Registry[Metric] = Registry("metric", "metrics")

registries: dict[str, Registry[Any]] = {"method": methods, "metric": metrics}


def find(kind: str, name: str) -> Entry:
    """Return a part by its kind and name."""
    return registries[kind][name]  # type: ignore[no-any-return]


FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def method(
    *, paper: str = "", signed: bool = True, role: Role = "entrant", passes: Passes | None = None
) -> Callable[[FunctionT], FunctionT]:
    """Register an attribution method under its function's name.

    `passes` gives the closed-form bill per sample, (forward, backward), from the settings and the number of `units`.
    """

    def register(function: FunctionT) -> FunctionT:
        methods.add(Method(function, paper, passes, signed, role))
        return function

    return register


def metric(
    *,
    better: Better | Mapping[str, Better],
    paper: str = "",
    reads: Literal["signed", "positive", "magnitude"] = "signed",
    scale_free: bool = True,
    passes: Passes | None = None,
) -> Callable[[FunctionT], FunctionT]:
    """Register a metric under its function's name; `better` is a direction, or one for each of its named scores."""

    def register(function: FunctionT) -> FunctionT:
        metrics.add(Metric(function, paper, passes, better, reads, scale_free))
        return function

    return register


def import_file(path: Path) -> ModuleType:
    """Import a part's file from anywhere; what goes wrong becomes one line that names the file."""
    if not path.is_file():
        raise ValueError(f"{path} does not exist: give the path of a Python file, or the name of a registered part")
    spec = spec_from_file_location(f"heatproof_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file")
    module = sys.modules[spec.name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise ValueError(f"{path} does not import: {type(error).__name__}: {error}") from error
    return module
