"""Scoring maps that somebody already has, on their own model."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from .benchmark import Batch, Gate, Refused, Truth, column_units, divide, element_count, imputers, read_out
from .benchmark import metrics as known_metrics
from .benchmark.errors import words_of
from .benchmark.game import Memory
from .benchmark.harness import Asked, score
from .benchmark.results import undefined
from .benchmark.units import to_elements, unit_count
from .models.adapters import adapt

PATCHES = 8
"""A picture is cut into this many patches a side, or into its pixels where it has fewer, unless units are given."""

Array = Tensor | npt.NDArray[np.generic]


def evaluate(
    model: object,
    x: Array,
    target: Array | Sequence[int],
    attributions: Mapping[str, Array] | str | Path,
    metrics: Sequence[str] = ("perturbation_curves", "sparseness"),
    *,
    truth: Array | None = None,
    ignore: float | None = None,
    effect: Array | None = None,
    signed: bool = True,
    units: Array | None = None,
    baseline: Array | None = None,
    readout: str = "probability",
    imputer: str = "baseline",
    pool: Array | None = None,
    ids: Sequence[str] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Score attributions that somebody already has, on their own model.

    `model` is whatever `heatproof.adapt` takes. `attributions` maps names to maps shaped like x, (N, H, W) or one value
    per unit, or is an `.npz` file of them; with an array `ids` in it, the order of samples is checked. `truth` (N, E)
    or (N, H, W) marks the elements that are truly relevant, 1 or True, and those that are not, 0 or False; what has the
    value `ignore` (often -1 or 255) is not asked about. In place of it, `effect` (N, U) is the true effect of each
    unit; maps that are not `signed`, as those of Grad-CAM, are judged by its magnitude. Units default to 8 x 8 patches
    of a picture, or columns; the baseline to each picture's mean colour, or the mean of the columns. The `imputer`
    stands in for what a metric hides, by default with the baseline (see `heatproof list imputers`); some take it from
    other samples, the `pool`.

    Returns one row per (method, metric, score, sample): value, and the reason where there is none.
    """
    _ = imputers[imputer]
    others = None if pool is None else torch.as_tensor(pool)
    batch = replace(_batch(x, target, units, baseline, ids), imputer=imputer, pool=others)
    batch = replace(batch, truth=_truth(truth, effect, batch.units, ignore))
    gate = Gate(adapt(model), readout)
    # What is wrong with all targets is said at once; what goes wrong in one metric is that metric's.
    read_out(gate.logits(batch.x[:1]).expand(len(batch), -1), batch.target, readout)
    memory = Memory()
    frames = [
        _scored(name, asked, gate, batch, elements, seed, memory, signed)
        for name, elements in _maps(attributions, batch).items()
        for asked in metrics
    ]
    return pd.concat(frames, ignore_index=True)


def _batch(
    x: Array,
    target: Array | Sequence[int],
    units: Array | None,
    baseline: Array | None,
    ids: Sequence[str] | None,
) -> Batch:
    inputs = torch.as_tensor(x)
    names = tuple(map(str, ids)) if ids is not None else tuple(map(str, range(len(inputs))))
    labels = _default_units(inputs) if units is None else torch.as_tensor(units).flatten(1).long()
    absent = _mean_of(inputs) if baseline is None else torch.as_tensor(baseline).to(inputs.dtype).expand_as(inputs)
    return Batch(names, inputs, torch.as_tensor(target).long(), labels, absent)


def _truth(truth: Array | None, effect: Array | None, units: Tensor, ignore: float | None) -> Truth | None:
    """Return what is known of the answer: by a mask of where it rests, or by the effects of the units."""
    if truth is not None and effect is not None:
        raise ValueError("both truth and effect are given: give a mask of the elements, or the effects of the units")
    if effect is not None:
        return _effects(torch.as_tensor(effect), units)
    return None if truth is None else _mask(torch.as_tensor(truth), units, ignore)


def _effects(effect: Tensor, units: Tensor) -> Truth:
    if effect.shape != (len(units), count := unit_count(units)):
        raise ValueError(f"effect has shape {tuple(effect.shape)}; expected {(len(units), count)}, one value per unit")
    return Truth(parts=units, effect=effect)


def _mask(truth: Tensor, units: Tensor, ignore: float | None) -> Truth:
    """Return what a mask says: where the answer rests, where it cannot, and what is not asked about."""
    mask = truth.flatten(1)
    if mask.shape != units.shape:
        raise ValueError(f"truth covers {tuple(mask.shape)} elements, the inputs have {tuple(units.shape)}")
    asked = torch.ones_like(mask, dtype=torch.bool) if ignore is None else mask != ignore
    odd = mask[asked & (mask != 0) & (mask != 1)]
    if len(odd):
        raise ValueError(
            f"truth has the value {odd[0].item():g}; expected 0 and 1: choose a threshold yourself (truth > 0.5), "
            "and name the value of what is not to be asked about as `ignore`"
        )
    relevant = torch.tensor([[False, True]]).expand(len(mask), -1)
    return Truth(parts=mask.long().where(asked, -1), relevant=relevant, impossible=~relevant)


def _default_units(x: Tensor) -> Tensor:
    if x.ndim == 4:
        return divide(x, "patches", PATCHES**2)
    return column_units(x) if x.ndim == 2 else torch.arange(element_count(x)).expand(len(x), -1)


def _mean_of(x: Tensor) -> Tensor:
    inner = tuple(range(2, x.ndim))
    return (x.mean(inner, keepdim=True) if inner else x.mean(0, keepdim=True)).expand_as(x).contiguous()


def _maps(attributions: Mapping[str, Array] | str | Path, batch: Batch) -> dict[str, Tensor]:
    """Return the maps per element (N, E), after checking their shapes and the order of their samples."""
    if isinstance(attributions, (str, Path)):
        with np.load(attributions, allow_pickle=False) as file:
            attributions = {name: file[name] for name in file.files}
    given = {name: torch.as_tensor(each) for name, each in attributions.items() if name != "ids"}
    if "ids" in attributions:
        _check_order([str(name) for name in np.asarray(attributions["ids"])], batch.ids)
    maps = {}
    for name, each in given.items():
        try:
            shaped = each.reshape(len(each), -1) if each.shape[1:] == batch.x.shape[2:] else each
            maps[name] = to_elements(shaped, batch.x, batch.units)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return maps


def _check_order(given: Sequence[str], expected: Sequence[str]) -> None:
    for place, (mine, theirs) in enumerate(zip(given, expected, strict=False)):
        if mine != theirs:
            raise ValueError(
                f"the maps hold another order of samples: at place {place} stands {mine!r}, expected {theirs!r}; "
                "reorder them, or pass the matching ids"
            )
    if len(given) != len(expected):
        raise ValueError(f"the maps hold {len(given)} samples, expected {len(expected)}")


def _scored(
    name: str, asked: str, gate: Gate, batch: Batch, attribution: Tensor, seed: int, memory: Memory, signed: bool
) -> pd.DataFrame:
    metric = known_metrics[asked]
    place = {"method": name, "metric": asked}
    try:
        told = Asked(metric, metric.settings, seed)
        scores, _ = score(told, gate, batch, attribution, None, memory, signed=signed)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a cell is attempted here
        reason = words_of(error) if isinstance(error, Refused) else f"{type(error).__name__}: {words_of(error)}"
        return pd.DataFrame([{**place, "score": asked, "sample": "", "value": float("nan"), "reason": reason}])
    states = _states(attribution)
    frames = []
    for key, values in ((key, values.double()) for key, values in scores.items() if values.ndim == 1):
        said = undefined(metric.undefined(key))
        pairs = zip(values.isnan().tolist(), states, strict=True)
        reasons = ["" if not missing else f"{state}; {said}" if state else said for missing, state in pairs]
        frames.append(
            pd.DataFrame({**place, "score": key, "sample": batch.ids, "value": values.numpy(), "reason": reasons})
        )
    return pd.concat(frames)


def _states(maps: Tensor) -> list[str]:
    """Say of each map (N, E) why a score may be undefined for it; nothing of an ordinary one."""
    finite, flat = maps.isfinite().all(1), (maps == maps[:, :1]).all(1)
    words = ("the map is zero everywhere", "the map is the same everywhere")
    return [
        words[bool(first)] if same else "" if whole else "the map has NaN or infinite values"
        for whole, same, first in zip(finite.tolist(), (finite & flat).tolist(), maps[:, 0].tolist(), strict=True)
    ]
