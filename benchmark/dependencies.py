"""Dependencies of a part: the source files that it is made of, the libraries that it uses, and what it reads."""

import ast
import hashlib
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import resolve_name
from pathlib import Path

PACKAGE = __name__.rpartition(".benchmark")[0]
STARTED = time.time_ns()
"""When this process may have begun to import modules that change later."""
BOOKKEEPING = frozenset(f"{PACKAGE}.benchmark.{name}" for name in ("capabilities", "errors", "registry", "question"))
"""Modules that a part names in order to register itself; they cannot change a number."""
CORE = frozenset(
    {"altair", "cloudpickle", "huggingface-hub", "itables", "jinja2", "matplotlib", "numpy", "pandas", "pillow"}
    | {"pyarrow", "pydantic", "rich", "safetensors", "scikit-image", "scikit-learn", "scipy", "timm", "torch"}
    | {"torchvision", "typer", "vl-convert-python"}
)
"""Distributions whose version stands in the provenance and is no part of an identity: baselines outlive it."""
INSTALLED = frozenset({"site-packages", "dist-packages"})
READERS = frozenset(
    {"__import__", "environ", "fromfile", "genfromtxt", "getenv", "hub", "import_module", "imread", "load", "load_file"}
    | {"loadtxt", "memmap", "open", "read_bytes", "read_csv", "read_parquet", "read_text", "safe_open", "urlopen"}
)
"""Names by which code reads what its source does not show: files, the environment, modules that are chosen late."""
Import = tuple[str, str]
"""A module, and the name that is taken from it; empty where the module itself is imported."""


@dataclass(slots=True)
class Dependencies:
    """The files, libraries and reads that the hash of a part is made from."""

    files: set[Path] = field(default_factory=set)
    libraries: set[str] = field(default_factory=set)
    """The top-level modules of installed distributions."""
    reads: set[str] = field(default_factory=set)
    """By which names the files from outside this package read what is not followed."""

    def hashes(self) -> list[str]:
        """Return what changes with the code, and with the versions of libraries that are not of the core."""
        versions = {version for library in self.libraries for version in versions_of(library)}
        return sorted(_content(path, path.stat().st_mtime_ns) for path in self.files) + sorted(versions)


def dependencies_of(file: Path, module: str) -> Dependencies:
    """Return what stands behind a module: all that its imports lead to, those inside of functions too."""
    found = Dependencies({file})
    _look(found, file, module)
    _follow(found, _parsed(file, module).imports, module, file.parent)
    return found


def dependencies_from(imports: Iterable[Import]) -> Dependencies:
    """Return what stands behind imports that no file makes, as those of a notebook."""
    found = Dependencies()
    _follow(found, imports, "__main__", Path())
    return found


def forget_edited(file: Path, module: str) -> None:
    """Let the modules of the user's own behind a file be imported anew if one was edited since this process began.

    Otherwise what the old ones compute would be stored under the hash of the new ones.
    """
    files = {path.resolve() for path in dependencies_of(file, module).files}
    if not any(path.stat().st_mtime_ns > STARTED for path in files):
        return
    loaded = [name for name in sys.modules if not _is_of(PACKAGE, name) and name not in ("__main__", module)]
    for name in [name for name in loaded if (path := _file(name)).name and path.resolve() in files]:
        del sys.modules[name]


def versions_of(library: str) -> list[str]:
    """Return name and version of the distributions that a top-level module is from, those of the core left out."""
    names = {name.lower().replace("_", "-") for name in _distributions().get(library, ())}
    found = []
    for name in sorted(names - CORE):
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return found


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())


def _follow(found: Dependencies, imports: Iterable[Import], own: str, beside: Path) -> None:
    """Add the files that imports lead to, and those that these lead to: of this package and of the user's own."""
    waiting = list(imports)
    while waiting:
        for module, file in _modules(found, *waiting.pop(), own, beside):
            if file not in found.files:
                found.files.add(file)
                _look(found, file, module)
                waiting += _parsed(file, module).imports


def _look(found: Dependencies, file: Path, module: str) -> None:
    if not _is_of(PACKAGE, module):
        found.reads |= _parsed(file, module).reads


def _modules(found: Dependencies, origin: str, name: str, own: str, beside: Path) -> Iterator[tuple[str, Path]]:
    """Yield the modules that an import runs, with their files; an installed library is noted instead."""
    top = origin.partition(".")[0]
    if top in sys.stdlib_module_names or top == "__main__":
        return
    if top == PACKAGE:
        home = _home(origin, name)
        if home.startswith(f"{PACKAGE}.") and home not in BOOKKEEPING and home in sys.modules:
            yield home, _file(home)
        return
    parts = f"{origin}.{name}".strip(".").split(".")
    for module in (".".join(parts[:count]) for count in range(1, len(parts) + 1)):
        file = _found(module, beside)
        if file is not None and (INSTALLED.isdisjoint(file.parts) or _is_of(own.partition(".")[0], module)):
            yield module, file
        elif file is not None:
            found.libraries.add(top)
            return


def _is_of(package: str, module: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def _file(module: str) -> Path:
    return Path(getattr(sys.modules[module], "__file__", None) or "")


def _found(module: str, beside: Path) -> Path | None:
    """Return the file of a module, imported or not, without importing it; None where it has none."""
    if module in sys.modules:
        file = _file(module)
        return file if file.is_file() else None
    places, names = [str(beside), *sys.path], module.split(".")
    for count in range(1, len(names) + 1):
        spec = PathFinder.find_spec(".".join(names[:count]), places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return Path(spec.origin) if spec is not None and spec.origin and Path(spec.origin).is_file() else None


def _home(module: str, name: str) -> str:
    """Return the module that defines a name which another one offers, following its imports."""
    if f"{module}.{name}" in sys.modules or module not in sys.modules or not _is_of(PACKAGE, module):
        return f"{module}.{name}" if f"{module}.{name}" in sys.modules else module
    if offered := _parsed(_file(module), module).names.get(name):
        return _home(*offered)
    # A package that imports what it offers when it is asked for: the thing itself knows where it is from.
    home = getattr(getattr(sys.modules[module], name, None), "__module__", None)
    return home if isinstance(home, str) and _is_of(PACKAGE, home) else module


@dataclass(frozen=True, slots=True)
class _Parsed:
    imports: tuple[Import, ...]
    names: dict[str, Import]
    """The names that it has from its imports."""
    reads: frozenset[str]


def _parsed(file: Path, module: str) -> _Parsed:
    return _parsed_at(file, module, file.stat().st_mtime_ns)


@cache
def _parsed_at(file: Path, module: str, _changed: int) -> _Parsed:
    if file.suffix != ".py":
        return _Parsed((), {}, frozenset())
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    bound = [pair for node in nodes for pair in _bound(node, package)]
    words = {node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in nodes}
    words |= {name for _, (_, name) in bound}
    return _Parsed(tuple(taken for _, taken in bound), dict(bound), frozenset(words & READERS))


def _bound(node: ast.AST, package: str) -> Iterator[tuple[str, Import]]:
    """Yield the names that a statement imports, with where they are from."""
    if isinstance(node, ast.Import):
        yield from ((name.asname or name.name, (name.name, "")) for name in node.names)
    elif isinstance(node, ast.ImportFrom) and (package or not node.level):
        origin = resolve_name("." * node.level + (node.module or ""), package)
        yield from ((name.asname or name.name, (origin, name.name)) for name in node.names)


@cache
def _content(path: Path, _changed: int) -> str:
    """Return the hash of what a file does; comments, docstrings and layout do not count."""
    if path.suffix != ".py":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [line for line in node.body if not _is_docstring(line)] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
