"""Calls of another library: its errors are refusals, its draws are each sample's own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from traceback import walk_tb
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...benchmark import Game, Refused, Rng, areas, per_unit
from ...benchmark.libraries import load, quiet, seeded

OURS = __name__.rpartition(".methods")[0]
Array = np.ndarray[Any, np.dtype[Any]]
NUMBERS = 1 << 20
"""The copies of inputs that a library makes at a time hold about so many numbers."""


@contextmanager
def asking(library: str) -> Iterator[Callable[[str], Any]]:
    """Lend the way to import a library's modules; what goes wrong in it is refused, and what it prints is not heard.

    Errors of the model, which it passes on, stay what they are.
    """

    def imported(module: str) -> Any:
        try:
            return load(f"{library}.{module}".rstrip("."))
        except ImportError as error:
            raise Refused(str(error)) from None

    try:
        with quiet():
            yield imported
    except (Refused, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        if not _theirs(error, library):
            raise
        reason = " ".join(str(error).split())
        raise Refused(f"{library} cannot explain this: {type(error).__name__}: {reason}") from error


def _theirs(error: Exception, library: str) -> bool:
    """Return whether an error arose in a library, in its hooks as well, or from what they forbid the network."""
    if "is a view and is being modified inplace" in str(error):
        return True
    modules = [str(frame.f_globals.get("__name__", "")) for frame, _ in walk_tb(error.__traceback__)]
    known = [name for name in modules if name.partition(".")[0] == library or name.startswith(OURS)]
    return known[-1].partition(".")[0] == library


def each(rng: Rng, explain: Callable[[slice], Tensor]) -> Tensor:
    """Return what a library that draws from the global random states says of one sample after the other, (N, …)."""
    rows = []
    for place, seed in enumerate(rng.integers(2**31).tolist()):
        with seeded(seed):
            rows.append(explain(slice(place, place + 1)))
    return torch.stack(rows)


def worth(game: Game, one: slice) -> Callable[[Array], Array]:
    """Return the score of one sample's coalitions: of rows (M, U) in which a unit that is left is not 0, (M,)."""
    place = list(range(len(game.batch)))[one]
    alone = replace(game, batch=game.batch.picked(place), parts=None if game.parts is None else game.parts[one])

    def scores(rows: Array) -> Array:
        kept = torch.from_numpy(np.atleast_2d(rows) != 0)
        return alone.scores(kept[None])[0].double().cpu().numpy()

    return scores


def of_units(values: Tensor, units: Tensor) -> Tensor:
    """Return the value (N, U) that all elements of a unit share, in every channel, of values like the input."""
    elements = values[:, 0].flatten(1) if values.ndim > 2 else values
    return per_unit(elements, units) / areas(units)
