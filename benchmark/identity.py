"""The identity of a result: a hash of the code, settings and weights that it depends on."""

import hashlib
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from .dependencies import PACKAGE, Dependencies, Import, dependencies_from, dependencies_of, versions_of

PLAIN = (bool, int, float, complex, str, bytes, type(None))


def digest(*parts: object) -> str:
    """Return the hash of JSON-able parts, the same on every machine and in every process."""
    text = json.dumps(parts, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def code_of(function: Callable[..., Any], library: str = "") -> str:
    """Return the hash of the code behind a function, and behind the `library` that it wraps.

    That is its module with all modules that its imports lead to, of this package and of the user's own, and the
    versions of other installed libraries; those of the core (torch, numpy, …) stand in the provenance. Comments,
    docstrings and layout do not count. A function without a file is known by its byte code and what that names.
    """
    typed = [] if _file_of(function) else _typed(function, set())
    return digest(typed, _dependencies(function).hashes(), versions_of(library))


def unfollowed(function: Callable[..., Any]) -> list[str]:
    """Return by which names a part from outside this package reads files or the environment, which no hash covers."""
    ours = function.__module__.startswith(f"{PACKAGE}.")
    return [] if ours else sorted(_dependencies(function).reads)


def _dependencies(function: Callable[..., Any]) -> Dependencies:
    file = _file_of(function)
    return dependencies_of(file, function.__module__) if file else dependencies_from(_imported(function, set()))


def _file_of(function: Callable[..., Any]) -> Path | None:
    file = Path(inspect.getsourcefile(function) or "")
    return file if file.is_file() else None


def _named(function: Callable[..., Any]) -> Iterator[tuple[str, object]]:
    """Yield what a function without a file, as that of a notebook, finds under the global names that it uses."""
    space = getattr(function, "__globals__", {})
    for name in sorted(_names(function.__code__)):
        if name in space:
            yield name, space[name]


def _names(code: CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*(_names(constant) for constant in inner))


def _typed(function: Callable[..., Any], seen: set[str]) -> list[object]:
    """Return the byte code of a function, its defaults, and the functions and plain values beside it that it names."""
    seen.add(function.__name__)
    beside: list[object] = []
    for name, value in _named(function):
        if isinstance(value, PLAIN):
            beside.append((name, repr(value)))
        elif isinstance(value, FunctionType) and name not in seen and _file_of(value) is None:
            beside.append((name, _typed(value, seen)))
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return [_bytecode(function.__code__), [repr(value) for value in defaults if isinstance(value, PLAIN)], beside]


def _imported(function: Callable[..., Any], seen: set[str]) -> Iterator[Import]:
    """Yield the imports that a function without a file rests on, through others beside it."""
    seen.add(function.__name__)
    for name, value in _named(function):
        home = getattr(value, "__module__", None)
        if isinstance(value, ModuleType):
            yield value.__name__, ""
        elif isinstance(value, FunctionType) and _file_of(value) is None:
            yield from _imported(value, seen) if name not in seen else ()
        elif isinstance(home, str):
            yield home, ""


def _bytecode(code: CodeType) -> list[object]:
    constants = [_bytecode(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return [code.co_code.hex(), code.co_names, code.co_varnames, constants]
