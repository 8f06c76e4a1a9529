"""Other people's libraries: imported here, and what they print, warn of and draw is kept from everybody else."""

import io
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
"""The operators that torchvision describes at import, whether or not they are there."""
UNDECLARED = "operator torchvision::nms does not exist"


def load(module: str) -> ModuleType:
    """Import a module of a library; where it is not installed, a ModuleNotFoundError says what to do."""
    library = module.partition(".")[0]
    try:
        with quiet():
            _whole_torchvision()
            return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        message = f"{library} is not installed: pip install 'heatproof[peers]'"
        raise ModuleNotFoundError(message, name=library) from None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep to a library what it prints and warns of."""
    nowhere = io.StringIO()
    with warnings.catch_warnings(), np.errstate(all="ignore"), redirect_stdout(nowhere), redirect_stderr(nowhere):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Start the global random states of torch, numpy and random from a seed, and put them back."""
    numpy_state, own_state = np.random.get_state(), random.getstate()
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)
            random.seed(seed)
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(own_state)


def _whole_torchvision() -> None:
    """Import torchvision before a library does: one that fails half-way in this stays half imported for good."""
    if find_spec("torchvision") is not None:
        with suppress(ImportError, RuntimeError):
            imported("torchvision")


def imported(module: str) -> ModuleType:
    """Import a module that imports torchvision, which may have been built for another torch.

    The compiled extension of the CUDA wheel, which pip resolves to, does not load beside a CPU torch: it defines no
    operators, and `import torchvision` fails in describing them. Nothing here uses them, so it is enough to declare
    them; but only after that very failure, when torchvision has given up: an operator declared twice ends the process.
    """
    try:
        return import_module(module)
    except RuntimeError as error:
        if UNDECLARED not in str(error):
            raise
    declare_operators()
    return import_module(module)


@cache
def declare_operators() -> torch.library.Library:
    """Declare the operators of torchvision; they last as long as what is returned, which the cache keeps."""
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    return library
