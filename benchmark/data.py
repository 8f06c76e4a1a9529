"""Data types that move between the parts: batches, their truth, costs and records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from .units import areas, element_count

Status = Literal["ok", "skipped", "failed"]
REASON, TRACE = 500, 20_000
"""The most characters that are kept of a record's reason, and of its traceback."""
TruthType = Literal["analytic", "interventional", "architectural", "data"]
Redraw = Callable[[tuple[str, ...], Tensor], Tensor]
"""Sample ids and their `kept` elements (N, E) bool to inputs that were really made without what is hidden."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth about each sample, known by construction; a part that is not known is None.

    The truth has units of its own (`parts`): those that a method is handed must not give the truth away.
    """

    parts: Tensor
    """(N, E) int64: the unit of the truth that each element belongs to; -1 where the question does not ask."""
    relevant: Tensor | None = None
    """(N, P) bool: the units that the answer rests on."""
    impossible: Tensor | None = None
    """(N, P) bool: the units that the answer cannot rest on."""
    effect: Tensor | None = None
    """(N, P): what really removing a unit does to the readout, alone or as the Shapley value over all removals."""
    values: Mapping[str, Tensor] = field(default_factory=dict)
    """Closed-form attributions (N, P) by the concept that they are exact for: gradient, shapley, …"""
    rival: Tensor | None = None
    """(N,) int64: a second target to ask about the same input."""
    rival_effect: Tensor | None = None
    """(N, P): the effect on the rival target."""

    def __post_init__(self) -> None:
        """Refuse parts of different batch sizes."""
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Tensor) and len(value) != len(self.parts):
                raise ValueError(f"truth.{item.name} has {len(value)} samples, truth.parts has {len(self.parts)}")
        for name, value in self.values.items():
            if len(value) != len(self.parts):
                raise ValueError(f"truth.values[{name!r}] has {len(value)} samples, truth.parts has {len(self.parts)}")

    def __getitem__(self, index: Tensor | slice) -> "Truth":
        """Return the truth of a part of the samples."""
        known = {f.name: getattr(self, f.name) for f in fields(self)}
        cut = {name: value[index] for name, value in known.items() if isinstance(value, Tensor)}
        return Truth(**cut, values={name: value[index] for name, value in self.values.items()})

    @property
    def magnitude(self) -> "Truth":
        """The truth without signs, by which maps without signs are judged."""
        effect, rival = (None if each is None else each.abs() for each in (self.effect, self.rival_effect))
        values = {name: value.abs() for name, value in self.values.items()}
        return replace(self, effect=effect, rival_effect=rival, values=values)


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples to be explained, in data space: pixels in [0, 1], raw columns, token ids."""

    ids: tuple[str, ...]
    """Stable sample ids, the join key of every record."""
    x: Tensor
    """(N, …)"""
    target: Tensor
    """(N,) int64: the output that the question is about."""
    units: Tensor
    """(N, E) int64: the unit 0..U-1 that each element (a pixel, a column, a token) belongs to; -1: never hidden.

    Samples may differ in U, as pictures do in their superpixels.
    """
    baseline: Tensor
    """Like x: what "absent" means here."""
    truth: Truth | None = None
    pool: Tensor | None = None
    """(P, …): other samples of the same kind, of the split `tune`."""
    redraw: Redraw | None = None
    """Makes the samples again without some of what they show, where the dataset can."""
    imputer: str = "baseline"
    """The imputer for what a part hides."""

    def __post_init__(self) -> None:
        """Refuse samples that do not fit together."""
        count = len(self.ids)
        for name in ("x", "target", "units", "baseline"):
            if len(getattr(self, name)) != count:
                raise ValueError(f"batch.{name} has {len(getattr(self, name))} samples, batch.ids has {count}")
        if self.truth is not None and len(self.truth.parts) != count:
            raise ValueError(f"batch.truth has {len(self.truth.parts)} samples, batch.ids has {count}")
        if spoilt := [name for name in self.ids if name != name.encode("utf-8", "replace").decode()]:
            raise ValueError(f"batch.ids has {spoilt[0]!a}, which is no valid Unicode: rename the sample")
        if len(set(self.ids)) != count:
            raise ValueError("batch.ids are not unique: results are joined by id, so give each sample its own")
        if count:
            _check_units(self.units, element_count(self.x))
        if self.pool is not None and self.pool.shape[1:] != self.x.shape[1:]:
            raise ValueError(
                f"batch.pool holds samples of shape {tuple(self.pool.shape[1:])}, x of {tuple(self.x.shape[1:])}"
            )
        if self.baseline.shape != self.x.shape:
            raise ValueError(f"batch.baseline has shape {tuple(self.baseline.shape)}, x has {tuple(self.x.shape)}")

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: slice) -> "Batch":
        """Return a part of the batch."""
        return self._cut(index, self.ids[index])

    def picked(self, index: Sequence[int]) -> "Batch":
        """Return some of the samples, in this order; neighbours as a view."""
        if index and list(index) == list(range(index[0], index[0] + len(index))):
            return self[index[0] : index[0] + len(index)]
        return self._cut(torch.tensor(index, dtype=torch.int64), tuple(self.ids[i] for i in index))

    def _cut(self, index: Tensor | slice, ids: tuple[str, ...]) -> "Batch":
        x, target, units, baseline = (part[index] for part in (self.x, self.target, self.units, self.baseline))
        truth = None if self.truth is None else self.truth[index]
        return replace(self, ids=ids, x=x, target=target, units=units, baseline=baseline, truth=truth)


def _check_units(units: Tensor, elements: int) -> None:
    """Refuse labels that do not cover the inputs, or of which a sample lacks one below its largest."""
    if units.ndim != 2 or units.shape[1] != elements:
        raise ValueError(f"batch.units has shape {tuple(units.shape)}, the inputs have {elements} elements each")
    sizes, largest = areas(units), units.amax(1)
    absent = (sizes == 0) & (torch.arange(sizes.shape[1], device=units.device) <= largest[:, None])
    if int(units.min()) < -1 or int(largest.min()) < 0 or bool(absent.any()):
        raise ValueError(
            "batch.units has a unit without elements, or none at all: number them 0..U-1 in every sample, "
            "and mark with -1 what is never to be hidden"
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a computation: single inputs through the network, wall-clock seconds, peak memory in MB."""

    forward: int = 0
    backward: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.forward + other.forward,
            self.backward + other.backward,
            self.seconds + other.seconds,
            max(self.peak_mb, other.peak_mb),
        )


@dataclass(frozen=True, slots=True)
class Record:
    """One cell: a metric's scores of a method's attributions on a task, one value per sample."""

    task: str
    method: str
    metric: str
    seed: int
    status: Status
    reason: str = ""
    ids: tuple[str, ...] = ()
    scores: Mapping[str, Tensor] = field(default_factory=dict)
    """By name: (N,) values, or (N, S) curves, which are kept to be drawn and never averaged."""
    cost: Cost = Cost()
    """The cost of the metric, the explanation not counted."""
    explained: Cost = Cost()
    """The cost of the explanation."""
    trace: str = ""
    """The traceback of a failure."""

    def __post_init__(self) -> None:
        """Refuse a record that does not say what it must; whatever its texts hold, they can be written down."""
        object.__setattr__(self, "reason", plain_text(" ".join(self.reason.split()), REASON))
        object.__setattr__(self, "trace", plain_text(self.trace, TRACE))
        if self.status not in get_args(Status):
            raise ValueError(f"status {self.status!r} is not one of {', '.join(get_args(Status))}")
        if self.status != "ok" and not self.reason:
            raise ValueError(f"a {self.status} record of {self.method} on {self.task} needs a reason")


def plain_text(text: str, most: int) -> str:
    """Return a text that any file can hold: odd characters are escaped, and a long one is cut in its middle."""
    if len(text) > most:
        text = f"{text[: most - 150]} … {len(text) - most} characters left out … {text[-100:]}"
    shown = "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)
    return shown if len(shown) <= most else plain_text(shown, most)
