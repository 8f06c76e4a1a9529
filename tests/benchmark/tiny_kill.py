"""Run the tiny suite again and again, each time in a new folder, and kill it with signal 9 at a random moment.

With more than one worker it is their parent that is killed.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from heatproof.benchmark import import_file, methods, metrics, tasks
from heatproof.benchmark.run import How, run
from heatproof.benchmark.suite import read_suite

HERE = Path(__file__).parent
PARTS = HERE / "tiny_parts.py"


def start(folder: Path, workers: int) -> int:
    """Run the suite in a child process and return its id."""
    child = os.fork()
    if child == 0:
        run(read_suite(HERE / "tiny.toml"), folder, how=How(workers=workers, files=(PARTS,)))
        os._exit(0)
    return child


def main(folder: Path, times: int, workers: int) -> None:
    """Run once to the end, for the time that it takes, and then be cut short at random moments of it."""
    torch.set_num_threads(1)
    import_file(PARTS)
    for parts in (methods, metrics, tasks):
        parts.load()
    began = time.perf_counter()
    os.waitpid(start(folder / "whole", workers), 0)
    needed = time.perf_counter() - began
    moments = random.Random(0)
    for number in range(times):
        child = start(folder / f"killed-{number}", workers)
        time.sleep(needed * moments.uniform(0.05, 0.95))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
