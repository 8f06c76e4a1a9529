"""One explanation, one score: the harness hands a part what it names, and does not trust what it gives back."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from resource import RUSAGE_SELF, getrusage
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from .capabilities import BlackBox, View, WhiteBox, behind, includes
from .data import Batch, Cost
from .errors import Refused
from .game import Game, Memory, known_pool
from .gate import Gate
from .network import check_readout
from .question import KNOWN_AS
from .randomness import streams
from .regions import Regions, read_regions
from .registry import Imputer, Method, Metric, imputers
from .units import at_elements, column_units, to_elements

Again = Callable[[Gate, Batch], Tensor]
"""Gives a method's maps of samples that a metric asks about."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A part with its settings and the seed that its random streams start from."""

    part: Method | Metric
    settings: Mapping[str, object]
    seed: int = 0
    repeat: int = 0

    def __post_init__(self) -> None:
        """Refuse misspelt settings, and unknown imputers, readouts and regions, at once."""
        if "game" in self.part.needs:
            _ = self.imputer
            check_readout(self.told("readout"))
            self._check_regions()
        self.part.with_defaults(self.settings)

    def _check_regions(self) -> None:
        if (regions := self.regions) is None:
            return
        if isinstance(self.part, Metric) and (regions.prior or "explain" in self.part.needs):
            raise ValueError(f"{self.part.name} judges maps on the task's units or those of a divider, not of a method")
        if self.part.with_defaults(self.settings).get("layer"):
            raise ValueError(f"{self.part.name}: a layer has places of its own, choose between `layer` and `regions`")

    @property
    def signed(self) -> bool:
        """Whether it is judged with signs: all but a method whose maps have none, which are judged by magnitude."""
        return isinstance(self.part, Metric) or self.part.signed

    def told(self, name: str) -> str:
        """Return one of the settings of a game; empty where it is the task's."""
        return str(self.part.with_defaults(self.settings)[name])

    def on_units(self) -> "Asked":
        """Return the same, told no regions: what it is handed has them for units."""
        return replace(self, settings={**dict(self.part.given), **self.settings, "regions": ""})

    @property
    def regions(self) -> Regions | None:
        """The regions that it was told to cut the inputs into; None where it takes the task's units."""
        words = self.told("regions") if "game" in self.part.needs else ""
        return read_regions(words) if words else None

    @property
    def prior(self) -> "Asked | None":
        """The method whose map groups the units, asked with the same seed; None where there is none."""
        regions = self.regions
        return Asked(regions.prior, {}, self.seed, self.repeat) if regions and regions.prior else None

    def passes(self, units: int) -> tuple[int, int] | None:
        """Return its bill per sample (forward, backward), a prior's included; None where it does not say.

        Superpixels come in about the number that was asked for, and so does the bill.
        """
        if self.regions is None:
            return self.part.passes_of(self.settings, units)
        own = self.part.passes_of(self.settings, self.regions.count(units))
        first = self.prior.passes(units) if self.prior else (0, 0)
        return None if own is None or first is None else (own[0] + first[0], own[1] + first[1])

    @property
    def imputer(self) -> Imputer | None:
        """The imputer that its game was told to use; None where it is the task's."""
        name = self.told("imputer") if "game" in self.part.needs else ""
        return imputers[name] if name else None

    def call(self, offers: Mapping[str, Callable[[], object]]) -> object:
        """Return the part's answer to what it names; its game has taken the settings that are the game's."""
        told = {**dict(self.part.given), **self.settings}
        own = {name: value for name, value in told.items() if name in self.part.own}
        return self.part.function(*(offers[word]() for word in self.part.needs), **own)


def explain(method: Asked, gate: Gate, batch: Batch) -> tuple[Tensor, Cost]:
    """Return a method's attributions per element (N, E) and what they cost."""
    own, batch = gate.metered(), sealed(method, batch)
    start = time.perf_counter()
    portions = _portions(batch, gate.room(batch.x))
    maps = [_explain_some(method, own, batch.picked(portion)) for portion in portions]
    return _together(maps, portions), _bill(own, start)


def maps_of(method: Asked, gate: Gate, batch: Batch) -> Tensor:
    """Return a method's attributions per element (N, E), and put their passes on the gate's bill."""
    return _explain_some(method, gate, sealed(method, batch))


def sealed(method: Asked, batch: Batch) -> Batch:
    """Return samples without what a method has not asked for and could find: the truth, the way to make them again."""
    asked = [each for each in (method, method.prior) if each]
    truth = batch.truth if any("truth" in each.part.needs for each in asked) else None
    hides = {each.told("imputer") or batch.imputer for each in asked if "game" in each.part.needs}
    return replace(batch, truth=truth, redraw=batch.redraw if "redraw" in hides else None)


def _portions(batch: Batch, room: int) -> list[list[int]]:
    """Cut a batch into samples that are done together: all have equally many units, so none depends on its mates."""
    counts = batch.units.amax(1)
    alike = [(counts == count).nonzero()[:, 0] for count in torch.unique(counts)]
    return [part.tolist() for group in alike for part in group.split(room)]


def _together(parts: Sequence[Tensor], portions: Sequence[Sequence[int]]) -> Tensor:
    """Join what belongs to portions of the samples in the samples' order; shorter curves end in NaN."""
    wide = max(part.shape[-1] for part in parts)
    same = [pad(part, (0, wide - part.shape[1]), value=torch.nan) if part.ndim == 2 else part for part in parts]
    return torch.cat(same)[torch.tensor([place for portion in portions for place in portion]).argsort()]


def _explain_some(method: Asked, gate: Gate, batch: Batch) -> Tensor:
    part = method.part
    wanted = part.capability
    if wanted is not None and not includes(gate.capability, wanted):
        raise Refused(f"needs a {wanted.__name__} model, this one is only {gate.capability.__name__}")
    if "layer" in part.common and (layer := method.told("layer")):
        return _explain_inside(method, gate, batch, layer)
    if (regions := method.regions) is not None:
        return _explain_on(regions, method, gate, batch)
    offers: dict[str, Callable[[], object]] = {
        "model": lambda: View(gate, wanted),  # type: ignore[arg-type]
        "game": lambda: _game(method, gate, batch),
        "x": lambda: batch.x.clone(),
        "target": lambda: batch.target.clone(),
        "units": lambda: batch.units.clone(),
        "baseline": lambda: batch.baseline.clone(),
        "pool": lambda: known_pool(batch).clone(),
        "rng": lambda: streams(batch.ids, method.seed, part.name, method.repeat),
        "truth": lambda: batch.truth,
    }
    answer = plain_tensor(method.call(offers), part.name, "shaped like x or like units")
    return to_elements(answer.detach().to(batch.x.device), batch.x, batch.units)


def plain_tensor(answer: object, part: str, expected: str) -> Tensor:
    """Return a part's answer if it is a plain tensor of real numbers, of which nothing hides behind another class."""
    if type(answer) not in (Tensor, nn.Parameter):
        raise TypeError(f"{part} returned a {type(answer).__name__}; expected a tensor {expected}")
    tensor = cast("Tensor", answer)
    odd = {
        "complex": tensor.is_complex(),
        "quantized": tensor.is_quantized,
        "meta": tensor.is_meta,
        "nested": tensor.is_nested,
        "sparse": tensor.layout is not torch.strided,
    }
    if kind := next((kind for kind, found in odd.items() if found), ""):
        raise TypeError(f"{part} returned a {kind} tensor; expected plain real numbers {expected}")
    return tensor


def _explain_on(regions: Regions, method: Asked, gate: Gate, batch: Batch) -> Tensor:
    """Return a method's maps with regions of each sample's own for units."""
    if method.prior is None:
        units = regions.cut(batch.x)
    else:
        units = regions.grouped(batch.ids, _explain_some(method.prior, gate, batch), batch.units)
    cut = replace(batch, units=units)
    portions = _portions(cut, len(cut))
    return _together([_explain_some(method.on_units(), gate, cut.picked(part)) for part in portions], portions)


def _explain_inside(method: Asked, gate: Gate, batch: Batch, layer: str) -> Tensor:
    """Return a method's maps of what a layer gives, with nothing (zero) for a baseline, brought to the input's size.

    Its places are the units (Rao, Böhle and Schiele 2022, ML-Att).
    """
    rest, activation = gate.inside(batch.x, layer)
    own = replace(method, settings={**dict(method.part.given), **method.settings, "layer": ""})
    if activation.ndim < 3 or batch.x.ndim != 4:
        raise Refused(f"the layer {layer!r} keeps no places of a picture: choose one that does")
    places = column_units(activation[:, 0].flatten(1))
    inner = Batch(batch.ids, activation, batch.target, places, torch.zeros_like(activation), imputer="baseline")
    values = _explain_some(own, rest, inner).reshape(len(batch), 1, *activation.shape[2:])
    coarse = rest.network.grid(values.expand(-1, activation.shape[1], *activation.shape[2:]))[:, :1]
    return interpolate(coarse, batch.x.shape[2:], mode="bilinear").flatten(1)


def score(
    metric: Asked,
    gate: Gate,
    batch: Batch,
    attribution: Tensor,
    method: Asked | None,
    memory: Memory | None = None,
    *,
    signed: bool = True,
    explaining: Callable[[Asked, Gate, Batch], Tensor] = maps_of,
) -> tuple[dict[str, Tensor], Cost]:
    """Return a metric's scores of attributions (N, E), each (N,) or a curve (N, S), and what they cost.

    Samples whose attribution is not finite are undefined: NaN. Without a `method`, a metric that must explain again
    refuses. Maps of a method without signs, or maps that are not `signed`, are judged by the magnitude of true effects
    and values. With a `memory` of these samples, passes that were made for another map are not made again; the bill is
    that of a metric asked alone, all the same. Where a metric explains again, `explaining` does.
    """
    own, memory = gate.metered(), memory or Memory()
    start, known = time.perf_counter(), memory.passes
    finite = attribution.isfinite().all(1)
    given = attribution.double().where(finite[:, None], 0.0)
    portions = _portions(batch, gate.room(batch.x))
    signed = signed and (method is None or method.signed)
    again = None if method is None else partial(explaining, method)
    parts = [_score_some(metric, own, batch.picked(p), given[p], again, memory, signed) for p in portions]
    own.meter.forward += memory.passes - known
    scores = {name: _together([part[name] for part in parts], portions) for name in parts[0]}
    return {name: _undefined(values, ~finite) for name, values in scores.items()}, _bill(own, start)


def _score_some(
    metric: Asked, gate: Gate, batch: Batch, attribution: Tensor, again: Again | None, memory: Memory, signed: bool
) -> dict[str, Tensor]:
    if (regions := metric.regions) is not None:
        cut, asked = replace(batch, units=regions.cut(batch.x)), metric.on_units()
        portions = _portions(cut, len(cut))
        scored = [_score_some(asked, gate, cut.picked(p), attribution[p], again, memory, signed) for p in portions]
        return {name: _together([part[name] for part in scored], portions) for name in scored[0]}
    part = metric.part
    judged = batch if signed or batch.truth is None else replace(batch, truth=batch.truth.magnitude)
    truth = {word: lambda word=word: _truth(judged, word) for word in KNOWN_AS if word != "scene"}
    offers: dict[str, Callable[[], object]] = {
        **truth,
        "parts": lambda: _known(batch, "parts"),
        "attribution": lambda: attribution.clone(),
        "model": lambda: View(gate, part.capability),  # type: ignore[arg-type]
        "x": lambda: batch.x,
        "target": lambda: batch.target,
        "units": lambda: batch.units,
        "baseline": lambda: batch.baseline,
        "pool": lambda: known_pool(batch),
        "game": lambda: replace(_game(metric, gate, batch), memory=memory),
        "scene": lambda: replace(_scene(metric, gate, batch), memory=memory),
        "explain": lambda: _again(again, gate, batch),
        "rng": lambda: streams(batch.ids, metric.seed, part.name, metric.repeat),
    }
    answer = metric.call(offers)
    named = answer if isinstance(answer, Mapping) else {part.name: answer}
    return {name: _per_sample(values, part.name, name, len(batch)) for name, values in named.items()}


def _per_sample(answer: object, part: str, name: str, count: int) -> Tensor:
    whole = isinstance(answer, Tensor) and plain_tensor(answer, part, f"of shape ({count},)")
    if not isinstance(whole, Tensor) or whole.ndim not in (1, 2) or len(whole) != count:
        raise TypeError(f"{part} must return one value per sample, shape ({count},); {name} is not")
    values = whole.detach().cpu()
    return values if values.is_floating_point() else values.double()


def _again(again: Again | None, gate: Gate, batch: Batch) -> Callable[..., Tensor]:
    """Return the function that explains a batch's samples again, with something replaced."""
    if again is None:
        raise Refused("this metric explains again, and stored maps cannot: name the method instead")

    def explained(
        x: Tensor | None = None,
        target: Tensor | None = None,
        model: View | None = None,
        baseline: Tensor | None = None,
    ) -> Tensor:
        asked = replace(
            batch,
            # What can be drawn again are the samples as they are.
            redraw=batch.redraw if x is None else None,
            x=batch.x if x is None else x,
            target=batch.target if target is None else target,
            baseline=batch.baseline if baseline is None else baseline,
        )
        return again(gate if model is None else behind(model), asked)  # type: ignore[arg-type]

    return explained


def _game(asked: Asked, gate: Gate, batch: Batch) -> Game:
    """Return the game of a batch's units, with the imputer and readout that a part was told, and without the truth."""
    imputer = asked.told("imputer") or batch.imputer
    sealed = replace(batch, truth=None, redraw=batch.redraw if imputer == "redraw" else None, imputer=imputer)
    inside = "model" in imputers[imputer].needs
    return Game(View(gate, WhiteBox if inside else BlackBox), sealed, asked.told("readout"), asked.seed)  # type: ignore[arg-type]


def _scene(asked: Asked, gate: Gate, batch: Batch) -> Game:
    """Return the game of the truth's own parts, which are really removed."""
    if batch.redraw is None or batch.truth is None:
        raise Refused("this dataset cannot make its samples again without a part")
    known = batch.truth.effect if batch.truth.effect is not None else batch.truth.relevant
    game = Game(gate, replace(batch, truth=None, imputer="redraw"), seed=asked.seed)
    return game.on(batch.truth.parts, 0 if known is None else known.shape[1])


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
