"""The time of `import heatproof` and of the command line's first answers, against `import torch`.

Run as `python tests/speed/imports.py [REPEATS]`. Each is a process of its own, in turns with one that imports torch;
seconds are those of the processor, user and system, and what is shown are medians.
"""

import os
import subprocess
import sys
from statistics import median

CASES = {
    "import heatproof": "import heatproof",
    "from heatproof import method": "from heatproof import method",
    "from heatproof import run": "from heatproof import run",
    "from heatproof import *": "from heatproof import *",
    "heatproof --help": "from heatproof.cli import main; main()",
    "heatproof list methods": "import sys; sys.argv = ['', 'list', 'methods']; from heatproof.cli import main; main()",
}


def seconds(code: str) -> float:
    """Return the processor's seconds of a new interpreter that runs a line."""
    start = os.times()
    subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = os.times()
    return end.children_user + end.children_system - start.children_user - start.children_system


def main(repeats: int) -> None:
    """Measure all cases in pairs with torch."""
    for name, code in CASES.items():
        pairs = [(seconds(code), seconds("import torch")) for _ in range(repeats)]
        ratio = median(ours / theirs for ours, theirs in pairs)
        ours, theirs = (median(side) for side in zip(*pairs, strict=True))
        print(f"{name:30} {ours:.2f} s, torch {theirs:.2f} s: {ratio:.2f} times")  # noqa: T201 - the answer


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
