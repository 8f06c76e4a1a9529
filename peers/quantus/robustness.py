"""Robustness metrics of quantus."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import BlackBox, GlassBox
from ._call import LIBRARY, Outputs, Whole, as_map, ask, explaining, made, quantus_peer, softmax_of

Explain = Callable[..., Tensor]

NOISE = "Its noise comes from numpy's global random state, as it offers no seed, and is as large for every column."
ELEMENTS = "It divides changes element by element, ours lengths."
ONE_SIDED = "Its own noise adds 0.02 to 0.2 to every number and takes nothing away."


def _explained_again(
    kind: str, model: BlackBox, x: Tensor, target: Tensor, maps: Tensor, explain: Explain, **settings: object
) -> object:
    """Return what a metric that explains again gives for maps, in one batch: `explain` knows the samples together."""
    words = {"a_batch": as_map(maps, x), "model": Outputs(model, x), "explain_func": explaining(explain, x)}
    return ask(made(kind, x, **settings), x, target, batch_size=len(x), **words)


@quantus_peer("MaxSensitivity", of="stability", like="max_sensitivity", same=False, note=NOISE)
def max_sensitivity(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    attribution: Tensor,
    explain: Explain,
    *,
    radius: float = 0.02,
    samples: int = 8,
) -> object:
    """MaxSensitivity of quantus."""
    noise = {"lower_bound": radius, "nr_samples": samples}
    return _explained_again("MaxSensitivity", model, x, target, attribution, explain, **noise)


@quantus_peer("AvgSensitivity", of="stability", like="average_sensitivity", same=False, note=NOISE)
def average_sensitivity(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    attribution: Tensor,
    explain: Explain,
    *,
    radius: float = 0.02,
    samples: int = 8,
) -> object:
    """AvgSensitivity of quantus."""
    noise = {"lower_bound": radius, "nr_samples": samples}
    return _explained_again("AvgSensitivity", model, x, target, attribution, explain, **noise)


@quantus_peer(
    "LocalLipschitzEstimate",
    of="stability",
    like="local_lipschitz",
    same=False,
    note=f"normalise=False, divided by the map's length, and with its uniform noise: as in ours. {NOISE}",
)
def local_lipschitz_estimate(
    model: BlackBox,
    x: Tensor,
    target: Tensor,
    attribution: Tensor,
    explain: Explain,
    *,
    radius: float = 0.02,
    samples: int = 8,
) -> object:
    """LocalLipschitzEstimate of quantus, relative to the map."""
    uniform = {"perturb_func": LIBRARY.batch_uniform_noise, "perturb_func_kwargs": {"lower_bound": radius}}
    own = {"normalise": False, "nr_samples": samples, **uniform}
    steepest = _explained_again("LocalLipschitzEstimate", model, x, target, attribution, explain, **own)
    return torch.as_tensor(steepest) / attribution.norm(dim=1)


@quantus_peer(
    "RelativeInputStability",
    of="stability",
    like="relative_input_stability",
    same=False,
    note=f"{ELEMENTS} {ONE_SIDED} {NOISE}",
)
def relative_input_stability(
    model: BlackBox, x: Tensor, target: Tensor, attribution: Tensor, explain: Explain, *, samples: int = 8
) -> object:
    """RelativeInputStability of quantus."""
    return _explained_again("RelativeInputStability", model, x, target, attribution, explain, nr_samples=samples)


@quantus_peer(
    "RelativeOutputStability",
    of="stability",
    like="relative_output_stability",
    same=False,
    note=f"{ELEMENTS} {ONE_SIDED} {NOISE}",
)
def relative_output_stability(
    model: BlackBox, x: Tensor, target: Tensor, attribution: Tensor, explain: Explain, *, samples: int = 8
) -> object:
    """RelativeOutputStability of quantus."""
    return _explained_again("RelativeOutputStability", model, x, target, attribution, explain, nr_samples=samples)


@quantus_peer(
    "RelativeRepresentationStability",
    of="representation_stability",
    like="representation_stability",
    same=False,
    note=f"Of the network's last spatial layer, as ours. {ELEMENTS} {ONE_SIDED} {NOISE}",
)
def relative_representation_stability(
    model: GlassBox, x: Tensor, target: Tensor, attribution: Tensor, explain: Explain, *, samples: int = 8
) -> object:
    """RelativeRepresentationStability of quantus."""
    layer = f"inner.{model.layers()[-1]}"
    metric = made("RelativeRepresentationStability", x, nr_samples=samples, layer_names=[layer])
    words = {"a_batch": as_map(attribution, x), "model": Whole(model, x), "explain_func": explaining(explain, x)}
    return ask(metric, x, target, batch_size=len(x), **words)


@quantus_peer(
    "Continuity",
    of="continuity",
    like="continuity",
    same=False,
    note="It moves the picture to the left and the right by up to its width, fills with the picture's own minimum, and "
    "divides maps by the maximum of the batch.",
)
def continuity(model: BlackBox, x: Tensor, target: Tensor, attribution: Tensor, explain: Explain) -> object:
    """Continuity of quantus."""
    return _explained_again("Continuity", model, x, target, attribution, explain)


@quantus_peer(
    "Consistency",
    of="consistency",
    like="consistency",
    same=False,
    better="higher",
    descriptive=True,
    note="It compares samples of a batch by the signs of their first five pixels, magnitudes taken before; of one map "
    "alone it says nothing.",
)
def consistency(model: BlackBox, x: Tensor, target: Tensor, attribution: Tensor) -> object:
    """Consistency of quantus."""
    words = {"a_batch": as_map(attribution, x), "model": Outputs(model, x), "softmax": softmax_of(model)}
    return ask(made("Consistency", x), x, target, **words)


@quantus_peer(
    "Sufficiency",
    descriptive=True,
    note="It compares samples of a batch by the distance of their maps, and says nothing of one alone; no metric of "
    "ours does.",
)
def sufficiency(model: BlackBox, x: Tensor, target: Tensor, attribution: Tensor) -> object:
    """Sufficiency of quantus."""
    words = {"a_batch": as_map(attribution, x), "model": Outputs(model, x), "softmax": softmax_of(model)}
    return ask(made("Sufficiency", x), x, target, **words)
