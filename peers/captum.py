"""The metrics of captum."""

from collections.abc import Callable
from itertools import combinations
from math import comb

import torch
from torch import Tensor

from ..benchmark import BlackBox, Rng, at_elements, impute, like_input, unit_count
from ..benchmark.libraries import load
from ._adapter import peer

LIBRARY = load("captum.metrics")

HIDES = (
    "It leaves the perturbation to its user: here subsets of units are hidden, as in ours, with draws of its own, and "
    "relevance is multiplied by what is hidden, 1 or 0."
)


@peer(
    theirs="captum.infidelity",
    of="subset_correlations",
    like="infidelity",
    same=False,
    better="lower",
    descriptive=True,
    note=f"normalize=True. {HIDES} Its best factor may be negative, so that a map is as good as its opposite.",
)
def infidelity(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    units: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    rng: Rng,
    *,
    subsets: int = 64,
    size: float = 0.2,
) -> Tensor:
    """Infidelity of captum, with its optimal factor."""
    hidden = _subsets(rng, unit_count(units), size, subsets)
    return _infidelity(model, x, target, units, baseline, attribution, hidden, normalize=True)


@peer(
    theirs="captum.infidelity",
    of="infidelity_raw",
    like="infidelity_raw",
    better="lower",
    scale_free=False,
    note=HIDES,
)
def infidelity_raw(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    units: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    rng: Rng,
    *,
    subsets: int = 64,
    size: float = 0.2,
) -> Tensor:
    """Infidelity of captum, as it comes."""
    hidden = _subsets(rng, unit_count(units), size, subsets)
    return _infidelity(model, x, target, units, baseline, attribution, hidden, normalize=False)


def _subsets(rng: Rng, units: int, share: float, most: int) -> Tensor:
    """Return subsets (N, M, U) that hold a share of the units: all there are, or random ones where there are more."""
    size = max(1, min(round(share * units), units - 1))
    if comb(units, size) > most:
        return rng.uniform(most, units).argsort(2).argsort(2) < size
    every = [[unit in chosen for unit in range(units)] for chosen in combinations(range(units), size)]
    return torch.tensor(every).expand(len(rng), -1, -1)


def _infidelity(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    units: Tensor,
    baseline: Tensor,
    attribution: Tensor,
    hidden: Tensor,
    *,
    normalize: bool,
) -> Tensor:
    """Return what captum says of maps when the units `hidden` (N, M, U) bool are."""
    times = hidden.shape[1]
    gone = at_elements(hidden.flatten(0, 1), units.repeat_interleave(times, 0))

    def perturb(inputs: Tensor, baselines: Tensor) -> tuple[Tensor, Tensor]:
        return like_input(gone, inputs).expand_as(inputs).to(inputs.dtype), impute(inputs, baselines, ~gone)

    # captum wants relevance of every channel.
    shared = like_input(attribution, x).expand_as(x) * (attribution.shape[1] / x[0].numel())
    asked = {"additional_forward_args": target, "n_perturb_samples": times, "normalize": normalize}
    answer: Tensor = LIBRARY.infidelity(model.score, perturb, x, shared, baselines=baseline, **asked)
    return answer


@peer(
    theirs="captum.sensitivity_max",
    of="stability",
    like="max_sensitivity",
    better="lower",
    same=False,
    note="target= is handed on, as documented. Its noise comes from torch's global random state, as it offers no seed, "
    "and is as large for every column.",
)
def sensitivity_max(
    x: Tensor, target: Tensor, explain: Callable[..., Tensor], *, radius: float = 0.02, samples: int = 8
) -> object:
    """Sensitivity_max of captum."""

    def explained(inputs: tuple[Tensor, ...], target: Tensor) -> tuple[Tensor, ...]:
        return (explain(x=inputs[0], target=target),)

    # One draw at a time: `explain` knows the samples together.
    own = {"n_perturb_samples": samples, "max_examples_per_batch": len(x)}
    return LIBRARY.sensitivity_max(explained, x, perturb_radius=radius, target=target, **own)
