"""What a result depends on, as a hash: code, settings, weights."""

import ast
import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from .registry import PACKAGE

BOOKKEEPING = frozenset(f"{PACKAGE}.benchmark.{name}" for name in ("capabilities", "errors", "registry", "question"))
"""Modules that a part names in order to register itself; they cannot change a number."""


def digest(*parts: object) -> str:
    """Return the hash of JSON-able parts, the same on every machine and in every process."""
    text = json.dumps(parts, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def code_of(function: Callable[..., Any]) -> str:
    """Return the hash of the code behind a function: its module, and those of this package or beside it that it uses.

    Comments, docstrings and layout do not count.
    """
    return _code_of_module(function.__module__, inspect.getsourcefile(function) or "")


@cache
def _code_of_module(name: str, file: str) -> str:
    return digest(sorted(_source(path) for path in _closure(name, Path(file))))


def _closure(name: str, file: Path) -> set[Path]:
    """Return the files of a module and of all modules that its names come from."""
    found, waiting = {file}, [name]
    while waiting:
        for other in _uses(sys.modules.get(waiting.pop())):
            source = Path(other.__file__ or "")
            if source not in found:
                found.add(source)
                waiting.append(other.__name__)
    return found


def _uses(module: ModuleType | None) -> Iterator[ModuleType]:
    for value in list(vars(module).values()) if module is not None else ():
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(name, str) and name.startswith(f"{PACKAGE}.") and name not in BOOKKEEPING and name in sys.modules:
            yield sys.modules[name]


@cache
def _source(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            node.body = [line for line in node.body if not _is_docstring(line)] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
