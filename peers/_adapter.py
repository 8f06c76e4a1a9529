"""Metrics of other libraries as metrics of ours, and the lists of them."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from importlib import import_module
from importlib.metadata import packages_distributions, version
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..benchmark import Better, Metric, Reads, UnknownName
from ..benchmark.libraries import quiet

LIBRARIES = ("captum", "pytorch_grad_cam", "quantus")
"""The libraries whose metrics can be measured."""

Scored = Callable[..., Mapping[str, Tensor]]


@dataclass(frozen=True)
class Peer(Metric):
    """A metric of another library, asked as its documentation shows, under one of our scores' names."""

    theirs: str = ""
    """Its name over there, library first."""
    of: str = ""
    """Our metric that asks the same; empty: none does."""
    like: str = ""
    """The score that it returns: ours of that name, or its own."""
    same: bool = True
    """Whether its definition is ours, after what the note says was done: then our oracles hold for it, too."""
    declared: Better | None = None
    """The direction of better that the library itself declares; None: it declares none."""
    means: Better | None = None
    """The direction in which its values really get better, where that is known and it is not our score."""
    note: str = ""
    """The differences in definition, and what was done to ask the same question."""

    @property
    def name(self) -> str:
        """Its adapter's name behind its library's, so that it is never taken for a metric of ours."""
        return f"{self.library}.{self.function.__name__}"

    @property
    def library(self) -> str:
        """The package that it is imported from."""
        return self.theirs.partition(".")[0]

    @property
    def version(self) -> str:
        """The installed version of its library."""
        return version_of(self.library)

    def __reduce__(self) -> tuple[Callable[[str, str], "Peer"], tuple[str, str]]:
        """Travel between processes by name."""
        return _found, (self.library, self.name)


@cache
def version_of(library: str) -> str:
    """Return the version of an installed package; to find out what it is distributed as takes seconds."""
    return version(packages_distributions()[library][0])


_peers: dict[str, list[Peer]] = defaultdict(list)


def find(library: str) -> tuple[Peer, ...]:
    """Return the metrics of a library; where it is not installed, a ModuleNotFoundError says what to do."""
    if library not in LIBRARIES:
        raise UnknownName(f"unknown peer {library!r}: known are {', '.join(LIBRARIES)}")
    import_module(f".{library}", __package__)
    return tuple(_peers[library])


def _found(library: str, name: str) -> Peer:
    return next(peer for peer in find(library) if peer.name == name)


def peer(
    *,
    theirs: str,
    of: str = "",
    like: str = "",
    same: bool = True,
    better: Better | None = None,
    declared: Better | None = None,
    reads: Reads = "signed",
    scale_free: bool = True,
    descriptive: bool = False,
    note: str = "",
) -> Callable[[Callable[..., object]], Scored]:
    """Register an adapter: a function in our words that returns their values, one per sample.

    The direction that the library declares counts; `better` is the true one, and counts where it declares none. One
    that is `descriptive` does not claim to tell the truth from its opposite by itself, as scores of ours may declare.
    """

    def register(function: Callable[..., object]) -> Scored:
        name = like or function.__name__
        scored = _scored(function, name)
        entry = Peer(
            scored,
            better={name: declared or better or "higher"},
            reads=reads,
            scale_free=scale_free,
            descriptive=(name,) if descriptive else (),
            theirs=theirs,
            of=of,
            like=name,
            same=same and bool(of),
            declared=declared,
            means=better,
            note=note,
        )
        _peers[entry.library].append(entry)
        return scored

    return register


def _scored(function: Callable[..., object], name: str) -> Scored:
    """Return the adapter with its values under a name of ours, as a tensor."""

    @wraps(function)
    def scored(*words: Any, **settings: Any) -> Mapping[str, Tensor]:
        with quiet():
            values = function(*words, **settings)
        return {name: torch.as_tensor(np.asarray(values, dtype=np.float64))}

    return scored
