"""Fixtures and settings that all tests share."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import settings

from heatproof.benchmark.dependencies import PACKAGE
from heatproof.benchmark.entries import registries
from heatproof.cli import main

torch.set_num_threads(1)
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

ROOT = Path(__file__).parents[1]


class Collection:
    """The repository root is the package that is tested: pytest would import it again, under another name."""

    @staticmethod
    def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        return pytest.Dir.from_parent(parent, path=path) if path == ROOT else None


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Collection())


@pytest.fixture
def own_parts() -> Iterator[None]:
    """Forget the parts that a test registers."""
    yield
    for registry in registries.values():
        for name, part in list(registry._parts.items()):
            if not part.function.__module__.startswith(f"{PACKAGE}."):
                del registry._parts[name]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], own_parts: None
) -> Callable[..., SimpleNamespace]:
    """Run the command line, in a folder of its own: `command("list", "tasks")` has a status, out and err."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["heatproof", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capfd.readouterr()
        return SimpleNamespace(status=int(stop.value.code or 0), out=said.out, err=said.err)

    return run
