"""Compare the time that a plan foretells with the time that its run takes: `python tests/speed/plan_time.py SUITE…`."""

import sys
import tempfile
import time
from pathlib import Path

from heatproof.api import suite
from heatproof.benchmark.estimate import estimate
from heatproof.benchmark.plan import plan
from heatproof.benchmark.run import run


def main(names: list[str]) -> None:
    """Plan and run each suite, and print both times with their ratio."""
    for name in names:
        chosen = suite(name)
        start = time.perf_counter()
        foretold = estimate(plan(chosen)).seconds
        planned = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            run(chosen, Path(folder))
        taken = time.perf_counter() - planned
        sys.stdout.write(
            f"{chosen.title}: foretold {foretold:.1f} s, took {taken:.1f} s, ratio {foretold / taken:.2f}; "
            f"the plan itself took {planned - start:.1f} s\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
