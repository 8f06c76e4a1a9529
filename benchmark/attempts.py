"""An attempt at a part's work: its time limit, and what went wrong in words."""

import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from .data import REASON, Status
from .errors import Refused, words_of
from .guard import Moved


class OutOfTime(BaseException):
    """Time is up; not an Exception, so that no part can catch it by accident."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise OutOfTime when the work takes longer than `seconds`; 0 means no limit."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTime

    if not seconds:
        yield
        return
    before, start = signal.signal(signal.SIGALRM, stop), time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    if time.monotonic() - start > seconds:  # a part may have swallowed the alarm, or switched it off
        raise OutOfTime


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an attempt that gave no result."""

    status: Status
    reason: str
    trace: str = ""


class Reported(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """An attempt in another process gave no result; that process tells its outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


def outcome_of(error: BaseException, timeout: float = 0.0) -> Outcome:
    """Return what is said of a failure, or of an honest no."""
    if isinstance(error, Reported):
        return error.outcome
    if isinstance(error, Refused):
        return Outcome("skipped", words_of(error) or "it refused, and gave no reason")
    if isinstance(error, OutOfTime):
        return Outcome("failed", f"took longer than the time limit of {timeout:g} s")
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, Moved):
        return Outcome("failed", words_of(error), trace)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    reason = f"{type(error).__name__}: {words_of(error).partition(chr(10))[0]}"[: REASON - len(where)] + where
    return Outcome("failed", reason, trace)
