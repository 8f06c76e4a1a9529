"""Run the tiny suite again and again, each time in a new folder, and kill it with signal 9 at a random moment."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from heatproof.benchmark import import_file, methods, metrics, tasks
from heatproof.benchmark.run import run
from heatproof.benchmark.suite import read_suite

HERE = Path(__file__).parent


def start(folder: Path) -> int:
    """Run the suite in a child process and return its id."""
    child = os.fork()
    if child == 0:
        run(read_suite(HERE / "tiny.toml"), folder)
        os._exit(0)
    return child


def main(folder: Path, times: int) -> None:
    """Run once to the end, for the time that it takes, and then be cut short at random moments of it."""
    torch.set_num_threads(1)
    import_file(HERE / "tiny_parts.py")
    for parts in (methods, metrics, tasks):
        parts.load()
    began = time.perf_counter()
    os.waitpid(start(folder / "whole"), 0)
    needed = time.perf_counter() - began
    moments = random.Random(0)
    for number in range(times):
        child = start(folder / f"killed-{number}")
        time.sleep(needed * moments.uniform(0.05, 0.95))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
