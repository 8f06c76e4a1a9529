"""Registries that read the function instead of asking again: its name, its first docstring line."""

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any, Generic, Self, TypeVar

from .dependencies import PACKAGE, forget_edited
from .errors import UnknownName, words_of
from .guard import Moved, watched
from .settings import LUCK, kept

LONGEST = 100
"""The most letters of a name."""
NAMED = "heatproof_file_"
"""The beginning of the names of modules that are files of the user."""


@dataclass(frozen=True)
class Entry:
    """A function that a registry holds, known by its own name and the first line of its docstring."""

    function: Callable[..., Any]

    def __post_init__(self) -> None:
        """Refuse a function that does not say what it is, or whose name cannot be written down."""
        if not self.name.isprintable():
            raise ValueError(f"the name {self.name!a} has characters that cannot be written down: choose another")
        word = self.function.__name__
        if not word.isidentifier() or len(word) > LONGEST:
            raise ValueError(f"{word[:80]!r} is no name of a part: use a Python name of up to {LONGEST} letters")
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

    def spelt(self, words: str) -> Self:
        """Return the variant with the settings in `words`; what is no part has none."""
        raise ValueError(f"{self.name} has no settings: {words!r} cannot be given")

    def __reduce__(self) -> tuple[Callable[..., "Entry"], tuple[object, ...]]:
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
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                words = f"{type(error).__name__}: {words_of(error)}"
                raise ValueError(f"the plug-in {entry.name} ({entry.value}) does not load: {words}") from error

    def __getitem__(self, name: str) -> EntryT:
        self.load()
        name, variant, words = name.partition("[")
        if variant and name in self._parts:
            return self._parts[name].spelt(words.removesuffix("]"))
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


def is_shipped(function: Callable[..., Any]) -> bool:
    """Return whether a function is this package's own, and no stranger's."""
    return function.__module__.startswith(f"{PACKAGE}.")


def file_of(function: Callable[..., Any]) -> Path | None:
    """Return the file that was named to define a function; None for a registered part."""
    module = sys.modules.get(function.__module__)
    named = module is not None and function.__module__.startswith(NAMED)
    return Path(str(module.__file__)).resolve() if module and named else None


registries: dict[str, Registry[Any]] = {}


def find(kind: str, name: str) -> Entry:
    """Return a part by its kind and name."""
    return registries[kind][name]  # type: ignore[no-any-return]


def import_file(path: Path) -> ModuleType:
    """Import a part's file from anywhere; what goes wrong becomes one line that names the file.

    It may draw at random, and importing a library may move what that moves; all else global stays as it is.
    """
    if not path.is_file():
        raise ValueError(f"{path} does not exist: give the path of a Python file, or the name of a registered part")
    spec = spec_from_file_location(f"{NAMED}{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file")
    module = sys.modules[spec.name] = module_from_spec(spec)
    try:
        forget_edited(path, spec.name)
        with watched(strict=True), kept(LUCK):
            spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        del sys.modules[spec.name]
        what = words_of(error) if isinstance(error, Moved) else f"{type(error).__name__}: {words_of(error)}"
        raise ValueError(f"{path} does not import: {what}") from error
    return module
