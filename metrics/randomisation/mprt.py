"""The model parameter randomisation test, cascading and layer by layer."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import Better, WhiteBox, metric
from ._layers import cascade, single
from ._similarity import spearman

BETTER: dict[str, Better] = {"mprt_cascading": "lower", "mprt_independent": "lower", "mprt_full": "lower"}


@metric(better=BETTER, paper="arXiv:1810.03292", passes=lambda: (0, 0))
def mprt(
    explain: Callable[..., Tensor], model: WhiteBox, attribution: Tensor, *, steps: int = 8, seed: int = 0
) -> dict[str, Tensor]:
    """The similarity of explanations of a model and of a copy that has forgotten some of its layers.

    Spearman's correlation of the signed maps over their elements (Adebayo et al. 2018, who also take magnitudes and
    SSIM). A layer is what one module owns, bare parameters included; its weights are drawn anew as before training.
    At most `steps` layers, evenly chosen; the copies are those of `seed`, the same for all samples.

    - `mprt_cascading`: the mean while all layers from the output to the step's are forgotten.
    - `mprt_independent`: the mean over the steps where that one layer alone is.
    - `mprt_full`: the last step of the cascade, nothing being left.

    Means are over the steps where both maps have an order: NaN for a constant map. Both curves are kept. Layers go in
    the reverse order of their registration; those before the forgotten ones still show through (Binder et al. 2023).
    """

    def curve(forgotten: list[list[str]]) -> Tensor:
        return torch.stack(
            [spearman(attribution, explain(model=model.randomized(seed, names))) for names in forgotten], 1
        )

    cascading, independent = curve(cascade(model.module, steps)), curve(single(model.module, steps))
    return {
        "mprt_cascading": cascading.nanmean(1),
        "mprt_independent": independent.nanmean(1),
        "mprt_full": cascading[:, -1],
        "mprt_cascading_curve": cascading,
        "mprt_independent_curve": independent,
    }
