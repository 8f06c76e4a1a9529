"""One explanation, one score: the harness hands a part what it names, and does not trust what it gives back."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from resource import RUSAGE_SELF, getrusage

import torch
from torch import Tensor

from .capabilities import View, includes
from .data import Batch, Cost
from .errors import Refused
from .gate import Gate
from .question import KNOWN_AS
from .randomness import streams
from .registry import Method, Metric
from .units import at_elements, to_elements


@dataclass(frozen=True, slots=True)
class Asked:
    """A part with its settings and the seed that its random streams start from."""

    part: Method | Metric
    settings: Mapping[str, object]
    seed: int = 0
    repeat: int = 0

    def __post_init__(self) -> None:
        """Refuse misspelt settings at once."""
        self.part.with_defaults(self.settings)


def explain(method: Asked, gate: Gate, batch: Batch) -> tuple[Tensor, Cost]:
    """Return a method's attributions per element (N, E) and what they cost; rounded to float32, as they are stored."""
    own = gate.metered()
    start = time.perf_counter()
    room = gate.room(batch.x)
    maps = [_explain_some(method, own, batch[i : i + room]) for i in range(0, len(batch), room)]
    return torch.cat(maps), _bill(own, start)


def _explain_some(method: Asked, gate: Gate, batch: Batch) -> Tensor:
    part = method.part
    wanted = part.capability
    if wanted is not None and not includes(gate.capability, wanted):
        raise Refused(f"needs a {wanted.__name__} model, this one is only {gate.capability.__name__}")
    offers: dict[str, Callable[[], object]] = {
        "model": lambda: View(gate, wanted),  # type: ignore[arg-type]
        "x": lambda: batch.x.clone(),
        "target": lambda: batch.target.clone(),
        "units": lambda: batch.units.clone(),
        "baseline": lambda: batch.baseline.clone(),
        "rng": lambda: streams(batch.ids, method.seed, part.name, method.repeat),
        "truth": lambda: batch.truth,
    }
    answer = part.function(*(offers[word]() for word in part.needs), **method.settings)
    if not isinstance(answer, Tensor):
        raise TypeError(
            f"{part.name} returned a {type(answer).__name__}; expected a tensor shaped like x or like units"
        )
    return to_elements(answer.detach().to(batch.x.device), batch.x, batch.units).float().double()


def score(
    metric: Asked, gate: Gate, batch: Batch, attribution: Tensor, method: Asked | None
) -> tuple[dict[str, Tensor], Cost]:
    """Return a metric's scores of attributions (N, E), each (N,) or a curve (N, S), and what they cost.

    Samples whose attribution is not finite are undefined: NaN. Without a `method`, a metric that must explain again
    refuses.
    """
    own = gate.metered()
    start = time.perf_counter()
    finite = attribution.isfinite().all(1)
    given = attribution.where(finite[:, None], 0.0)
    room = gate.room(batch.x)
    parts = [
        _score_some(metric, own, batch[i : i + room], given[i : i + room], method) for i in range(0, len(batch), room)
    ]
    scores = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return {name: _undefined(values, ~finite) for name, values in scores.items()}, _bill(own, start)


def _score_some(
    metric: Asked, gate: Gate, batch: Batch, attribution: Tensor, method: Asked | None
) -> dict[str, Tensor]:
    part = metric.part
    truth = {word: lambda word=word: _truth(batch, word) for word in KNOWN_AS}
    offers: dict[str, Callable[[], object]] = {
        **truth,
        "parts": lambda: _known(batch, "parts"),
        "attribution": lambda: attribution.clone(),
        "model": lambda: View(gate, part.capability),  # type: ignore[arg-type]
        "x": lambda: batch.x,
        "target": lambda: batch.target,
        "units": lambda: batch.units,
        "baseline": lambda: batch.baseline,
        "explain": lambda: _again(method, gate, batch),
        "rng": lambda: streams(batch.ids, metric.seed, part.name, metric.repeat),
    }
    answer = part.function(*(offers[word]() for word in part.needs), **metric.settings)
    named = {part.name: answer} if isinstance(answer, Tensor) else answer
    for name, values in named.items():
        if not isinstance(values, Tensor) or values.ndim not in (1, 2) or len(values) != len(batch):
            raise TypeError(f"{part.name} must return one value per sample, shape ({len(batch)},); {name} is not")
    return {name: _able_to_hold_nan(values.detach().cpu()) for name, values in named.items()}


def _able_to_hold_nan(values: Tensor) -> Tensor:
    return values if values.is_floating_point() else values.double()


def _again(method: Asked | None, gate: Gate, batch: Batch) -> Callable[..., Tensor]:
    """Return the function that explains a batch's samples again, with another input or another target."""
    if method is None:
        raise Refused("this metric explains again, and stored maps cannot: name the method instead")

    def explained(x: Tensor | None = None, target: Tensor | None = None) -> Tensor:
        asked = Batch(
            batch.ids,
            batch.x if x is None else x,
            batch.target if target is None else target,
            batch.units,
            batch.baseline,
            batch.truth,
        )
        return _explain_some(method, gate, asked)

    return explained


def _known(batch: Batch, name: str) -> Tensor | Mapping[str, Tensor]:
    known = getattr(batch.truth, name, None)
    if known is None:
        raise Refused(f"needs the truth's {name!r}, which this task does not know")
    return known  # type: ignore[no-any-return]


def _truth(batch: Batch, word: str) -> Tensor | Mapping[str, Tensor]:
    """Return a part of the truth as metrics see it: masks over elements, effects over the truth's units."""
    known = _known(batch, "relevant" if word == "truth" else word)
    if word in ("truth", "impossible") and isinstance(known, Tensor) and batch.truth is not None:
        return at_elements(known, batch.truth.parts)
    return known


def _undefined(values: Tensor, where: Tensor) -> Tensor:
    return values.masked_fill(where if values.ndim == 1 else where[:, None], torch.nan) if where.any() else values


def _bill(gate: Gate, start: float) -> Cost:
    """Return passes, seconds, and the peak memory: the device's, or this process's so far."""
    seconds = time.perf_counter() - start
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated() / 2**20
    else:
        peak = getrusage(RUSAGE_SELF).ru_maxrss / 2**10
    return Cost(gate.meter.forward, gate.meter.backward, seconds, peak)
