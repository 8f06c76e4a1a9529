"""A method that ends its process, or never gives it back, costs its own cells, and the honest lose nothing."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

BODY = '''
import os, time, ctypes
from torch import Tensor
from heatproof.benchmark import method

@method()
def honest(x: Tensor) -> Tensor:
    """The input."""
    return x

@method()
def quitter(x: Tensor) -> Tensor:
    """Ends its process."""
    os._exit(0)

@method()
def killer(x: Tensor) -> Tensor:
    """Kills its process."""
    os.kill(os.getpid(), 9)
    return x

@method()
def sleeper(x: Tensor) -> Tensor:
    """Sleeps in C, with all of Python held."""
    ctypes.PyDLL(None).sleep(600)
    return x
'''
SUITE = """name = "tiny"
version = "1"
samples = 3
tasks = ["linear"]
methods = ["random", "oracle"]
metrics = ["effect_cosine"]
"""


def test_dead_and_hung_workers_are_failures_of_their_cells(
    command: Callable[..., SimpleNamespace], tmp_path: Path
) -> None:
    (tmp_path / "parts.py").write_text(BODY)
    (tmp_path / "tiny.toml").write_text(SUITE)
    said = command("run", "tiny.toml", "--method", "parts.py", "--timeout", "2")
    assert said.status == 1
    for name, why in {"quitter": "exit status 0", "killer": "signal 9", "sleeper": "time limit of 2 s"}.items():
        assert any(name in line and why in line for line in said.err.splitlines()), said.err
    assert "honest" not in said.err
    assert "honest" in said.out


@pytest.mark.parametrize("body", ["import sys; sys.exit()", "raise BaseException('no')"])
def test_a_file_that_ends_python_is_refused_in_a_line(
    command: Callable[..., SimpleNamespace], tmp_path: Path, body: str
) -> None:
    (tmp_path / "parts.py").write_text(body)
    (tmp_path / "tiny.toml").write_text(SUITE)
    said = command("run", "tiny.toml", "--method", "parts.py")
    assert said.status == 2
    assert "parts.py does not import" in said.err
