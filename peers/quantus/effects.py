"""Metrics of quantus that compare relevance with what removing features does."""

from math import comb, isqrt

import numpy as np
import torch
from torch import Tensor

from ...benchmark import BlackBox, Refused, like_input, unit_count
from ._call import (
    Outputs,
    as_map,
    ask,
    asked,
    filling,
    made,
    quantus_peer,
    softmax_of,
    stride,
    unit_area,
    unit_entries,
    unit_map,
    whole_step,
)

WHOLE = "Only where a unit is a step that it can make."
EVERYTHING = (
    "It correlates over the samples of the first batch, and returns one value for each step, none for a sample."
)


@quantus_peer(
    "FaithfulnessCorrelation",
    of="subset_correlations",
    like="faithfulness_correlation",
    note="Its features are single numbers, not units: those of a picture's channels, one by one. Rows are handed over "
    "as (N, 1, D), for it counts the features of a sample from the third dimension on.",
)
def faithfulness_correlation(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    *,
    subsets: int = 64,
    size: float = 0.2,
) -> Tensor:
    """FaithfulnessCorrelation of quantus."""
    numbers = x[0].numel()
    count = max(1, min(round(size * numbers), numbers - 1))
    if comb(numbers, count) <= subsets:
        raise Refused("quantus draws subsets at random where all that there are would do; ours takes them all")
    own = {"nr_runs": subsets, "subset_size": count}
    metric = made("FaithfulnessCorrelation", x, perturb_baseline=filling(baseline), return_aggregate=False, **own)
    maps = as_map(attribution, x)
    if x.ndim > 2:
        return asked(metric, model, x, target, maps)
    words = {"a_batch": maps[:, None], "model": Outputs(model, x, x.shape[1:]), "softmax": softmax_of(model)}
    return torch.as_tensor(np.asarray(ask(metric, x[:, None], target, **words))).double()


@quantus_peer("FaithfulnessEstimate", of="unit_effects", like="faithfulness_estimate", note=WHOLE)
def faithfulness_estimate(
    model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor, attribution: Tensor
) -> Tensor:
    """FaithfulnessEstimate of quantus."""
    step = whole_step(x, unit_entries(x, units))
    metric = made("FaithfulnessEstimate", x, features_in_step=step, perturb_baseline=filling(baseline))
    return asked(metric, model, x, target, unit_map(attribution, x, units))


@quantus_peer(
    "MonotonicityCorrelation",
    of="unit_effects",
    like="monotonicity_correlation",
    reads="magnitude",
    note=f"The baseline takes the place of its random draws. {WHOLE}",
)
def monotonicity_correlation(
    model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor, attribution: Tensor
) -> Tensor:
    """MonotonicityCorrelation of quantus."""
    step = whole_step(x, unit_entries(x, units))
    own = {"features_in_step": step, "perturb_baseline": filling(baseline), "nr_samples": 1}
    return asked(made("MonotonicityCorrelation", x, **own), model, x, target, unit_map(attribution, x, units))


@quantus_peer(
    "NonSensitivity",
    of="unit_effects",
    like="non_sensitivity",
    reads="magnitude",
    descriptive=True,
    note="Its count is divided by the number of units; eps is absolute for effects, relative to the batch for maps.",
)
def non_sensitivity(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    units: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    *,
    tolerance: float = 1e-4,
) -> Tensor:
    """NonSensitivity of quantus, as a share."""
    own = {"features_in_step": stride(x, unit_entries(x, units)), "eps": tolerance}
    metric = made("NonSensitivity", x, perturb_baseline=filling(baseline), **own)
    return asked(metric, model, x, target, unit_map(attribution, x, units)) / unit_count(units)


@quantus_peer("SensitivityN", of="sensitivity_n", like="sensitivity_n", same=False, note=EVERYTHING)
def sensitivity_n(
    model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor, attribution: Tensor
) -> Tensor:
    """SensitivityN of quantus."""
    step = stride(x, unit_entries(x, units))
    own = {"features_in_step": step, "perturb_baseline": filling(baseline), "return_aggregate": False}
    return asked(made("SensitivityN", x, **own), model, x, target, unit_map(attribution, x, units))


@quantus_peer(
    "Infidelity",
    of="infidelity_raw",
    like="infidelity_raw",
    scale_free=False,
    same=False,
    note="It hides one square patch after the other and brings none back, always in the same order. It multiplies maps "
    "by what is hidden, and is handed effects divided by that.",
)
def infidelity(
    model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor, attribution: Tensor
) -> Tensor:
    """Infidelity of quantus."""
    side = isqrt(unit_area(units))
    metric = made("Infidelity", x, perturb_patch_sizes=[side], perturb_baseline=filling(baseline))
    hidden = (x - baseline).double()
    slopes = like_input(attribution, x) / hidden.where(hidden != 0, torch.inf) * (attribution.shape[1] / x[0].numel())
    return asked(metric, model, x, target, slopes)
