"""A method that ends its process, or never gives it back, costs its own cells, and the honest lose nothing."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from heatproof.benchmark import import_file
from heatproof.benchmark.settings import LUCK, read

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


FILES = {
    "import sys; sys.exit()": "SystemExit: ",
    "raise BaseException('no')": "BaseException: no",
    "import torch; torch.set_default_dtype(torch.float64)": "it changed torch's default dtype: leave everything as it",
    "import torch; torch.softmax = print": "it changed torch.softmax: leave",
    "import os; os.chdir('/')": "it changed the working directory: leave",
}


@pytest.mark.parametrize("body", FILES)
def test_a_file_that_ends_python_or_changes_it_is_refused_in_a_line(tmp_path: Path, body: str) -> None:
    (tmp_path / "parts.py").write_text(body)
    before = read()
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path / 'parts.py'} does not import: {FILES[body]}")):
        import_file(tmp_path / "parts.py")
    assert read() == before


def test_a_file_may_draw_at_random(tmp_path: Path) -> None:
    (tmp_path / "parts.py").write_text("import torch; torch.manual_seed(0); WEIGHTS = torch.rand(3)")
    before = read(LUCK)
    assert import_file(tmp_path / "parts.py").WEIGHTS.shape == (3,)
    assert read(LUCK) == before


SLEEPER = '''
import ctypes, os
from pathlib import Path
from torch import Tensor
from heatproof.benchmark import method

@method()
def sleeper(x: Tensor) -> Tensor:
    """Sleeps in C, with all of Python held."""
    Path("at").write_text(f"{os.getpid()}.")
    ctypes.PyDLL(None).sleep(600)
    return x
'''


def lives(process: int) -> bool:
    """Return whether a process is at work, and not only unburied."""
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_with_its_parent_also_in_a_long_call_of_c(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "parts.py").write_text(SLEEPER)
    (tmp_path / "tiny.toml").write_text(SUITE)
    run = [sys.executable, "-c", "from heatproof.cli import main; main()", "run", "tiny.toml", "--method", "parts.py"]
    with subprocess.Popen(run, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as parent:
        while not (tmp_path / "at").exists() or not (said := (tmp_path / "at").read_text()).endswith("."):
            assert parent.poll() is None
            time.sleep(0.05)
        worker = int(said.removesuffix("."))
        assert lives(worker)
        parent.send_signal(number)
        _, error = parent.communicate(timeout=20)
    end = time.monotonic() + 2
    while lives(worker):
        assert time.monotonic() < end
        time.sleep(0.05)
    if number is signal.SIGINT:
        assert parent.returncode == 130
        assert re.search(
            r"^heatproof: interrupted: 2 of 3 jobs are kept in runs/tiny; run the same command", error, re.M
        )
    else:
        assert parent.returncode == -number
