"""Catalogue of parts, by name and with one line each, told without importing them: that takes torch, and seconds."""

import json
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path, PurePath

from ..leaderboard import SUITES

ROOT = Path(__file__).parents[1]
FILE = Path(__file__).with_name("catalogue.json")
FOLDERS: Mapping[str, str] = {
    "tasks": "datasets",
    "models": "models",
    "methods": "methods",
    "metrics": "metrics",
    "imputers": "benchmark.imputation",
    "dividers": "benchmark.division",
}
"""The kinds of parts, and where the shipped ones are."""

Catalogue = dict[str, dict[str, dict[str, str]]]
"""Of each kind its files, and of each file its parts: names with the first lines of their docstrings."""


def listing(kind: str) -> Mapping[str, str]:
    """Return the names of a kind and the line on each; parts are imported only if some are not in the catalogue."""
    if kind == "suites":
        return {file.stem: _summary(file) for file in sorted(SUITES.glob("*.toml"))}
    if kind not in FOLDERS:
        raise ValueError(f"there are no {kind!r}: list suites, {', '.join(FOLDERS)}")
    known: Catalogue = json.loads(FILE.read_text(encoding="utf-8"))
    if set(known[kind]) != set(_files(kind)) or entry_points(group=f"heatproof.{FOLDERS[kind]}"):
        return {name: summary for name, (_, summary) in _registered(kind).items()}
    return dict(sorted(part for parts in known[kind].values() for part in parts.items()))


def _summary(suite: Path) -> str:
    return str(tomllib.loads(suite.read_text(encoding="utf-8")).get("summary", ""))


def _files(kind: str) -> list[str]:
    folder = ROOT.joinpath(*FOLDERS[kind].split("."))
    return sorted(file.relative_to(ROOT).as_posix() for file in folder.rglob("*.py"))


def _registered(kind: str) -> dict[str, tuple[str, str]]:
    """Return the file and the line of each part that is registered."""
    from .. import benchmark

    registry = getattr(benchmark, kind)
    return {name: (_file(registry[name].function.__module__), registry[name].summary) for name in registry}


def _file(module: str) -> str:
    path = PurePath(sys.modules[module].__file__ or "")
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def text() -> str:
    """Return what the file is to hold: the shipped parts as they are registered."""
    return json.dumps({kind: _catalogue(kind) for kind in FOLDERS}, indent=1, ensure_ascii=False) + "\n"


def _catalogue(kind: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {file: {} for file in _files(kind)}
    for name, (file, summary) in _registered(kind).items():
        if file in found:
            found[file][name] = summary
    return found
