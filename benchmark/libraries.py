"""Other people's libraries: imported here, and what they print, warn of and draw is kept from everybody else."""

import importlib.util
import io
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
"""The operators that torchvision describes at import."""


def load(module: str) -> ModuleType:
    """Import a module of a library; where it is not installed, a ModuleNotFoundError says what to do."""
    library = module.partition(".")[0]
    torchvision_operators()
    try:
        with quiet():
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


@cache
def torchvision_operators() -> torch.library.Library | None:
    """Make torchvision importable where its compiled extension cannot be loaded; None where it can.

    `import torchvision` describes its operators to torch, which fails with "operator torchvision::nms does not exist"
    when the extension that defines them was built for another torch (a CPU torch beside the CUDA wheel of torchvision,
    which pip resolves to). Nothing here uses these operators: to declare them is enough, and lasts as long as what is
    returned, which the cache keeps.
    """
    if extension_loads():
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    return library


def extension_loads() -> bool:
    """Whether torchvision's compiled operators can be loaded into this torch."""
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return False
    try:
        for path in Path(package.origin).parent.glob("_C.*"):
            torch.ops.load_library(path)  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return hasattr(torch.ops.torchvision, "nms")
