"""Processes of our own that are told what to do through a pipe, and end with the one that has started them."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

PR_SET_PDEATHSIG = 1


class Process:
    """A fresh Python process that runs `serve(channel, parent)` of a module; `pipe` leads to it."""

    def __init__(
        self,
        module: str,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        paths: Sequence[str] = (),
    ) -> None:
        self.pipe, theirs = Pipe()
        where = f"import sys; sys.path[:] = {[*(paths or sys.path)]!r}"
        order = f"serve({theirs.fileno()}, {os.getpid()})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"{where}; from {module} import serve; {order}"],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.PIPE,  # it ends when this process does
            stdout=2,  # what a method prints is no output of ours
            env=environment,
            cwd=folder,
        )
        theirs.close()

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def end(self, patience: float = 0.0) -> str:
        """End it, and return how it ended."""
        try:
            status = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self.pipe.close()
        if self._process.stdin:
            self._process.stdin.close()
        return ending(status)


def ending(status: int) -> str:
    """Say how a process ended."""
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def joined(channel: int, parent: int) -> Connection:
    """Return the pipe to the parent, in whose end this process ends, too.

    It ends at once: by the kernel where it can, also in a long call of C, or else by a thread.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its processes itself
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=_end_at_the_end_of, args=(os.dup(0),), daemon=True).start()
    return Connection(channel)


def _end_at_the_end_of(stream: int) -> None:
    while os.read(stream, 1):
        pass
    os._exit(1)
