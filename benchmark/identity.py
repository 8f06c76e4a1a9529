"""What a result depends on, as a hash: code, settings, weights."""

import ast
import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from types import CodeType
from typing import Any

from .entries import PACKAGE

BOOKKEEPING = frozenset(f"{PACKAGE}.benchmark.{name}" for name in ("capabilities", "errors", "registry", "question"))
"""Modules that a part names in order to register itself; they cannot change a number."""


def digest(*parts: object) -> str:
    """Return the hash of JSON-able parts, the same on every machine and in every process."""
    text = json.dumps(parts, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def code_of(function: Callable[..., Any]) -> str:
    """Return the hash of the code behind a function: its module, and those of this package that it uses.

    Comments, docstrings and layout do not count. A function without a file is known by its byte code.
    """
    file = Path(inspect.getsourcefile(function) or "")
    if not file.is_file():
        return digest(_bytecode(function.__code__))
    return digest(sorted(_source(path, path.stat().st_mtime_ns) for path in _closure(file, function.__module__)))


def _bytecode(code: CodeType) -> list[object]:
    constants = [_bytecode(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return [code.co_code.hex(), code.co_names, code.co_varnames, constants]


def _closure(file: Path, module: str) -> set[Path]:
    """Return the files of a module and of all modules of this package that its names come from."""
    found, waiting = {file}, [(file, module)]
    while waiting:
        for other in _uses(*waiting.pop()):
            source = Path(sys.modules[other].__file__ or "")
            if source not in found:
                found.add(source)
                waiting.append((source, other))
    return found


def _uses(file: Path, module: str) -> Iterator[str]:
    """Yield the modules of this package in which the names are defined that a module imports."""
    for origin, name in _imports(file, module).values():
        home = _home(origin, name)
        if home.startswith(f"{PACKAGE}.") and home not in BOOKKEEPING and home in sys.modules:
            yield home


def _home(module: str, name: str) -> str:
    """Return the module that defines a name which another one offers, following its imports."""
    if f"{module}.{name}" in sys.modules or module not in sys.modules or not module.startswith(PACKAGE):
        return f"{module}.{name}" if f"{module}.{name}" in sys.modules else module
    offered = _imports(Path(sys.modules[module].__file__ or ""), module).get(name)
    return _home(*offered) if offered else module


def _imports(file: Path, module: str) -> dict[str, tuple[str, str]]:
    """Return where a module's imported names come from."""
    return _imports_at(file, module, file.stat().st_mtime_ns)


@cache
def _imports_at(file: Path, module: str, _changed: int) -> dict[str, tuple[str, str]]:
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name: (name.name, "") for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            found |= {name.asname or name.name: (origin, name.name) for name in node.names}
    return found


@cache
def _source(path: Path, _changed: int) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [line for line in node.body if not _is_docstring(line)] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
