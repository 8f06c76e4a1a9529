"""Splits: the public ones of a task, and those that a run draws for itself, whose name is the seed."""

import re
import secrets
from dataclasses import dataclass
from typing import Literal

SPLIT = "test"
SEED = re.compile(r"[0-9a-f]{32}")
DRAWN = "drawn_"


@dataclass(frozen=True, slots=True)
class Seeds:
    """Where the samples of a run come from, as its manifest keeps it."""

    split: str = SPLIT
    origin: Literal["public", "drawn", "given"] = "public"
    date: str = ""
    """The day on which the run was started; empty where the seed is public."""
    networks: bool = False
    """Whether networks, too, were given new codes by the run."""

    @property
    def seed(self) -> str:
        """The seed that repeats the run elsewhere; empty where it is public."""
        return self.split.removeprefix(DRAWN) if is_drawn(self.split) else ""


PUBLIC = Seeds()


def split_of(seed: str = "") -> str:
    """Return the split that a seed stands for; without one, of a seed from the system's entropy."""
    chosen = seed or secrets.token_hex(16)
    if not SEED.fullmatch(chosen):
        raise ValueError(f"the seed {seed[:80]!r} is not 32 hexadecimal digits in small letters, as run.json has it")
    return DRAWN + chosen


def is_drawn(split: str) -> bool:
    """Tell whether a split was drawn by a run, or is one of the public ones."""
    return split.startswith(DRAWN) and SEED.fullmatch(split.removeprefix(DRAWN)) is not None
