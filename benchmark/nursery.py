"""A process that has loaded what methods need and knows nothing, and fresh copies of it to work in."""

import atexit
import os
import pickle
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from typing import NoReturn

import torch

from .dependencies import PACKAGE
from .libraries import imported
from .memory import keep_memory
from .processes import Process, ending, joined

READY = b"ready"
PULSE = 0.2
"""Seconds between two looks at whether the process lives."""
PATIENCE = 5.0
"""Seconds that it has to end by itself when it is done, on a busy machine."""
SLOW = ("torchvision", "timm", f"{PACKAGE}.models.")
"""The beginnings of the names of modules that networks are made of, and that take seconds to load."""
LONGEST = 100
"""The most bytes of what it says itself."""


class Nursery:
    """A process that has loaded code and knows nothing of the run: each explanation gets a fresh copy of it.

    To load them takes seconds, and a copy has no more than what was there before anything was asked.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: Process | None = None
        self._libraries: list[str] = []
        atexit.register(self.close)

    def ready(self) -> Process:
        """Return the process, started at the first need, and anew when a network needs a library that it lacks."""
        libraries = [name for name in sys.modules if name in SLOW or name.startswith(SLOW[-1])]
        if self._process is None or not self._process.alive or self._libraries != libraries:
            self.close()
            self._process, self._libraries = _started(self._module, libraries), libraries
        return self._process

    def close(self) -> None:
        """End it, and the copy that may be at work."""
        if self._process is not None:
            self._process.end()
        self._process = None


class Room:
    """A copy of the nursery's process, and the pipe to it."""

    def __init__(self, nursery: Process) -> None:
        self.pipe, theirs = Pipe()
        self._nursery, self._ending = nursery.pipe, ""
        send_handle(self._nursery, theirs.fileno(), 0)
        theirs.close()

    def hear(self, longest: int) -> bytes:
        """Return what it says next; EOFError where it has ended."""
        while not self.pipe.poll(PULSE):
            if self.ended() and not self.pipe.poll():
                raise EOFError
        return self.pipe.recv_bytes(longest)

    def ended(self, patience: float = 0.0) -> str:
        """Return how it ended, or nothing while it lives."""
        try:
            if not self._ending and self._nursery.poll(patience):
                self._ending = self._nursery.recv_bytes(LONGEST).decode()
        except (EOFError, OSError):
            self._ending = "the process that it is a copy of"
        return self._ending


def _started(module: str, libraries: list[str]) -> Process:
    paths = [str(Path(each).absolute()) for each in sys.path]
    process = Process(module, _environment(), Path("/"), paths)
    try:
        process.pipe.send_bytes(pickle.dumps(libraries))
        process.pipe.recv_bytes(len(READY))
    except BaseException as error:
        process.end()
        if not isinstance(error, EOFError | OSError):
            raise
        raise ValueError("the process for the methods of a verified run does not start: see above") from error
    return process


def _environment() -> dict[str, str]:
    """Return the environment without what tells where the run is."""
    return {name: value for name, value in os.environ.items() if name not in ("PWD", "OLDPWD", "_")}


def raise_copies(control: Connection, work: Callable[[Connection], NoReturn]) -> None:
    """Have a copy of this process work for each pipe that is handed over; tell how each has ended."""
    own = os.getpid()
    keep_memory()
    torch.set_num_threads(1)  # threads of the libraries would not be copied
    for library in pickle.loads(control.recv_bytes()):
        imported(library)
    control.send_bytes(READY)
    while True:
        try:
            handle = recv_handle(control)
        except EOFError:
            return
        child = os.fork()
        if not child:
            control.close()
            work(joined(handle, own))
        os.close(handle)
        control.send_bytes(ending(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
