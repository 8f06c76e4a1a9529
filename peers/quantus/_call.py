"""Calls of quantus: as its documentation shows, with its defaults, about the same model, maps and features."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from math import gcd
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...benchmark import (
    Better,
    BlackBox,
    Network,
    Reads,
    Refused,
    WhiteBox,
    areas,
    at_elements,
    element_count,
    per_unit,
    read_logits,
)
from ...benchmark.libraries import load
from .._adapter import Scored, peer

LIBRARY = load("quantus")
Array = np.ndarray[Any, np.dtype[Any]]
BATCH = 8
"""The samples of a batch, fewer than the checks ask about: what goes wrong across batches must show."""
REFUSALS = ("inconsistent results since many metrics rely on ordering", "should not all be less than zero")
"""Its words about a batch of maps that it does not judge, on purpose: constant ones, or negative ones."""
SOFTMAX = {"probability": True, "logit": False}
"""Its setting `softmax` for the two readouts that it knows."""


def quantus_peer(
    kind: str,
    *,
    of: str = "",
    like: str = "",
    same: bool = True,
    better: Better | None = None,
    reads: Reads = "signed",
    scale_free: bool = True,
    descriptive: bool = False,
    note: str = "",
) -> Callable[[Callable[..., object]], Scored]:
    """Register an adapter for a class of quantus, which declares the direction of better itself."""
    declared = getattr(LIBRARY, kind).score_direction.value
    return peer(
        theirs=f"quantus.{kind}",
        of=of,
        like=like,
        same=same,
        better=better,
        declared=declared,
        reads=reads,
        scale_free=scale_free,
        descriptive=descriptive,
        note=note,
    )


class Outputs(nn.Module):
    """A model as quantus wants it: a module in evaluation mode, from inputs in data space to logits."""

    def __init__(self, model: BlackBox, x: Tensor, shape: Sequence[int] | None = None) -> None:
        super().__init__()
        self.logits: Callable[[Tensor], Tensor] = model.logits
        self.dtype, self.shape = x.dtype, x.shape[1:] if shape is None else shape
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, K)."""
        return self.logits(x.to(self.dtype).reshape(len(x), *self.shape))


def ask(metric: Any, x: Tensor, target: Tensor, **words: object) -> Any:
    """Call a metric of quantus on samples, in batches."""
    arrays = {name: word.numpy() if isinstance(word, Tensor) else word for name, word in words.items()}
    call = {"model": None, "channel_first": True, "batch_size": BATCH, **arrays}
    try:
        return metric(x_batch=x.numpy(), y_batch=target.numpy(), **call)
    except AssertionError as error:
        if not any(words in str(error) for words in REFUSALS):
            raise
        raise Refused(f"quantus does not judge such maps, on purpose: {str(error).partition(',')[0]}") from None


def made(kind: str, x: Tensor, **settings: object) -> Any:
    """Make a metric of quantus that judges data of the form of `x`."""
    metric = getattr(LIBRARY, kind)
    known = {each.name for each in metric.data_applicability}
    if x.ndim == 2 and "TABULAR" not in known:
        raise Refused(f"quantus offers {kind} for pictures only")
    return metric(**settings, disable_warnings=True)


def asked(metric: Any, model: BlackBox, x: Tensor, target: Tensor, maps: Tensor) -> Tensor:
    """Call a metric of quantus that asks the model on maps."""
    words = {"a_batch": maps, "model": Outputs(model, x), "softmax": softmax_of(model)}
    answer = ask(metric, x, target, **words)
    values = torch.as_tensor(list(answer.values()) if isinstance(answer, dict) else np.asarray(answer)).double()
    if len(values) != len(x):
        raise Refused("quantus returns one value for each step here, over the samples, and none for a sample")
    return values


def softmax_of(model: BlackBox) -> bool:
    """Return whether quantus must turn logits to probabilities."""
    if model.readout not in SOFTMAX:
        raise Refused(f"quantus reads logits or probabilities, not {model.readout}")
    return SOFTMAX[model.readout]


def filling(baseline: Tensor) -> float:
    """Return the one value that a baseline has everywhere."""
    value = float(baseline.flatten()[0])
    if bool((baseline != value).any()):
        raise Refused("quantus fills with one value; this baseline has several")
    return value


def as_map(elements: Tensor, x: Tensor) -> Tensor:
    """Return maps (N, E) as quantus takes them: (N, 1, H, W) for pictures, (N, D) for tables."""
    return elements.reshape(len(x), 1, *x.shape[2:]) if x.ndim > 2 else elements.reshape(x.shape)


def unit_map(attribution: Tensor, x: Tensor, units: Tensor) -> Tensor:
    """Return maps of the relevance per area of units, in which the entries of a unit stand together."""
    return as_map(at_elements(per_unit(attribution, units) / unit_area(units), units), x)


def unit_area(units: Tensor) -> int:
    """Return how many elements each unit has."""
    area = int(areas(units)[0, 0])
    if bool((areas(units) != area).any()) or bool((units < 0).any()):
        raise Refused("quantus goes in steps of one size; these units are uneven")
    return area


def unit_entries(x: Tensor, units: Tensor) -> int:
    """Return how many numbers of an input a unit has, its channels counted."""
    return unit_area(units) * x[0].numel() // element_count(x)


def stride(x: Tensor, entries: int) -> int:
    """Return how many entries of an input quantus can flip at once so that a multiple makes up `entries`.

    It counts the channels of a pixel as features of their own, but wants steps that divide the number of pixels.
    """
    return gcd(entries, element_count(x)) if x.ndim > 2 else 1


class Whole(nn.Module):
    """A copy of a network with its layers in sight, in evaluation mode, from inputs in data space to logits."""

    def __init__(self, model: WhiteBox, x: Tensor) -> None:
        super().__init__()
        network = network_of(model)
        self.inner = deepcopy(model.module)
        self.preprocess = network.preprocess
        self.dtype = x.dtype
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, K)."""
        return read_logits(self.inner(self.preprocess(x.to(self.dtype))))


def network_of(model: WhiteBox) -> Network:
    """Return the network behind a model."""
    found: list[Network] = []

    def look(network: Network) -> Network:
        found.append(network)
        return network

    model.changed(look)
    return found[0]


def explaining(explain: Callable[..., Tensor], x: Tensor, ours: WhiteBox | None = None) -> Callable[..., Array]:
    """Return the function with which quantus explains again; with `ours`, the networks that it makes of it."""

    def explained(model: nn.Module, inputs: Array, targets: Array) -> Array:
        given: dict[str, object] = {"x": torch.as_tensor(inputs).to(x.dtype), "target": torch.as_tensor(targets)}
        if ours is not None:
            module = model.inner if isinstance(model, Whole) else model
            given["model"] = ours.changed(lambda network: replace(network, module=module, masked={}))
        maps: Array = as_map(explain(**given), x).numpy()
        return maps

    return explained


def whole_step(x: Tensor, entries: int) -> int:
    """Return a step of so many entries, if quantus can make it."""
    if stride(x, entries) != entries:
        raise Refused(
            f"quantus makes no steps of {entries} numbers here: they must divide the pixels, channels counted"
        )
    return entries
