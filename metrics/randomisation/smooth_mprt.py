"""The model parameter randomisation test of smoothed explanations."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import Better, Rng, WhiteBox, metric
from .._nearby import reach
from ._layers import cascade
from ._similarity import spearman

BETTER: dict[str, Better] = {"smooth_mprt": "lower", "smooth_mprt_full": "lower"}


@metric(better=BETTER, paper="arXiv:2401.06465", passes=lambda: (0, 0))
def smooth_mprt(
    explain: Callable[..., Tensor],
    model: WhiteBox,
    x: Tensor,
    baseline: Tensor,
    rng: Rng,
    *,
    steps: int = 4,
    draws: int = 8,
    noise: float = 0.1,
    seed: int = 0,
) -> dict[str, Tensor]:
    """The similarity of explanations of a model and of a forgetful copy, each averaged over the same noisy inputs.

    The cascade of `mprt`, its mean and its last step, with the noise averaged out of both maps before they are compared
    (Hedström et al. 2023). The noise is normal; its size is `noise` for pixels, `noise` times its distance from the
    baseline for a column. NaN where the average is constant. The curve is kept.
    """
    copies = [x + noise * reach(x, baseline) * rng.normal(*x.shape[1:]).to(x) for _ in range(draws)]

    def smoothed(of: WhiteBox) -> Tensor:
        return torch.stack([explain(x=copy, model=of) for copy in copies]).mean(0)

    own = smoothed(model)
    forgotten = (model.randomized(seed, names) for names in cascade(model.module, steps))
    curve = torch.stack([spearman(own, smoothed(copy)) for copy in forgotten], 1)
    return {"smooth_mprt": curve.nanmean(1), "smooth_mprt_full": curve[:, -1], "smooth_mprt_curve": curve}
