"""Metrics of quantus that remove more and more."""

from math import gcd, isqrt

import torch
from torch import Tensor

from ...benchmark import BlackBox, Refused, area, grid_units, unit_count
from ._call import as_map, asked, filling, made, quantus_peer, stride, unit_area, unit_entries, unit_map, whole_step

CURVE = "The missing point of the whole input is put in front; the abscissa is the share removed."
CHANNELS = "It flips the channels of a pixel one by one; only its points after whole units are read."
PATCHES = "The units are its patches."


@quantus_peer("PixelFlipping", of="perturbation_curves", like="deletion", note=f"{CURVE} {CHANNELS}")
def pixel_flipping(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    units: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    *,
    steps: int = 16,
) -> Tensor:
    """PixelFlipping of quantus, as the area under its curve."""
    cuts = _cuts(unit_count(units), steps)
    entries = unit_entries(x, units)
    step = stride(x, entries * gcd(*cuts))
    metric = made("PixelFlipping", x, features_in_step=step, perturb_baseline=filling(baseline))
    flipped = asked(metric, model, x, target, unit_map(attribution, x, units))
    return _area(model, x, target, flipped[:, [cut * entries // step - 1 for cut in cuts]], cuts)


@quantus_peer("Selectivity", of="perturbation_curves", like="deletion", note=f"{CURVE} {PATCHES}")
def selectivity(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    units: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    *,
    steps: int = 16,
) -> Tensor:
    """Selectivity of quantus, as the area under its curve."""
    cuts = _cuts(unit_count(units), steps)
    metric = made("Selectivity", x, patch_size=_patch(x, units), perturb_baseline=filling(baseline))
    left = asked(metric, model, x, target, unit_map(attribution, x, units))
    return _area(model, x, target, left[:, [cut - 1 for cut in cuts]], cuts)


@quantus_peer(
    "RegionPerturbation",
    of="perturbation_curves",
    like="aopc",
    note=f"{PATCHES} The drop of the whole input, 0, counts in the mean.",
)
def region_perturbation(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    units: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    *,
    steps: int = 16,
) -> Tensor:
    """RegionPerturbation of quantus, as the mean of its drops."""
    cuts = _cuts(unit_count(units), steps)
    own = {"patch_size": _patch(x, units), "regions_evaluation": unit_count(units)}
    metric = made("RegionPerturbation", x, perturb_baseline=filling(baseline), **own)
    drops = asked(metric, model, x, target, unit_map(attribution, x, units))
    return drops[:, [cut - 1 for cut in cuts]].sum(1) / (len(cuts) + 1)


@quantus_peer(
    "Monotonicity",
    of="perturbation_curves",
    like="monotonicity",
    descriptive=True,
    note="abs=False: ours reads signed maps. Only where a unit is a step that it can make.",
)
def monotonicity(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    units: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    *,
    steps: int = 16,
) -> Tensor:
    """Monotonicity of quantus."""
    cuts = _cuts(unit_count(units), steps)
    step = whole_step(x, unit_entries(x, units) * cuts[0])
    if cuts != list(range(cuts[0], cuts[-1] + 1, cuts[0])):
        raise Refused("quantus goes in steps of one size; these cuts are uneven")
    metric = made("Monotonicity", x, features_in_step=step, perturb_baseline=filling(baseline), abs=False)
    return asked(metric, model, x, target, unit_map(attribution, x, units))


@quantus_peer(
    "ROAD",
    of="road",
    like="road_morf",
    same=False,
    note="It returns the accuracy over the samples of the first batch for each share, no score of a sample.",
)
def road(model: BlackBox, x: Tensor, target: Tensor, units: Tensor, attribution: Tensor) -> Tensor:
    """ROAD of quantus."""
    return asked(made("ROAD", x), model, x, target, unit_map(attribution, x, units))


@quantus_peer(
    "IROF",
    of="irof",
    like="irof",
    same=False,
    note="It cuts 100 superpixels where ours cuts 50, and does not divide by their number.",
)
def irof(model: BlackBox, x: Tensor, target: Tensor, baseline: Tensor, attribution: Tensor) -> Tensor:
    """IROF of quantus."""
    metric = made("IROF", x, perturb_baseline=filling(baseline), return_aggregate=False)
    return asked(metric, model, x, target, as_map(attribution, x))


def _cuts(units: int, steps: int) -> list[int]:
    """Return how many units are gone at each point of our curves but the first."""
    count = min(steps, units)
    count -= units % 2 > count % 2
    return [round(units * step / count) for step in range(1, count + 1)]


def _area(model: BlackBox, x: Tensor, target: Tensor, curve: Tensor, cuts: list[int]) -> Tensor:
    """Return the area under a curve without its first point, over the share of units that is gone."""
    whole = torch.cat([model.score(x, target)[:, None].double(), curve], 1)
    share = torch.tensor([0, *cuts], dtype=torch.float64) / cuts[-1]
    return area(share.expand(len(x), -1), whole)


def _patch(x: Tensor, units: Tensor) -> int:
    """Return the side of the square patches that the units are."""
    if x.ndim > 2:
        side = isqrt(unit_area(units))
        if torch.equal(units, grid_units(x, side)):
            return side
    raise Refused("quantus removes square patches; these units are not a grid of them")
