"""Score-CAM."""

import torch
from torch import Tensor

from ...benchmark import Layered, method
from ..perturbation._masks import Hidden
from ._maps import enlarged, rectified, share, strongest


@method(paper="arXiv:1910.01279", signed=False)
def score_cam(
    model: Layered, x: Tensor, target: Tensor, baseline: Tensor, *, layer: str = "", budget: int = 0
) -> Tensor:
    """A layer's channels, each weighted with the target score of the input seen through it, summed and rectified.

    A channel, enlarged and stretched from 0 to 1, is the mask; what it hides shows the baseline. Weights are the
    softmax of the scores: the baseline's score, which the paper subtracts, does not change it. A constant channel
    weighs nothing. Beside a pass forward and back to read the layer, it costs a pass for each channel: all of them by
    default, as in the paper, or those of the largest mean activation that the `budget` buys.
    """
    activation = model.tap(x, target, layer or None)[0].double()
    chosen = strongest(activation, budget, 1, "score_cam")[:, :, None, None]
    channels = activation.gather(1, chosen.expand(-1, -1, *activation.shape[2:]))
    alive = channels.amax((2, 3)) > channels.amin((2, 3))
    hidden = Hidden(model, x, target, baseline)
    parts = torch.split(channels, hidden.room, 1)
    scores = [hidden.scores(_stretched(enlarged(some, x).flatten(2))) for some in parts]
    weights = torch.cat(scores, 1).double().masked_fill(~alive, -torch.inf).softmax(1).where(alive, 0)
    return rectified(weights[:, :, None, None] * channels, x)


def _stretched(masks: Tensor) -> Tensor:
    """Return masks (N, M, E) whose values go from 0 to 1."""
    low = masks.amin(2, keepdim=True)
    return share(masks - low, masks.amax(2, keepdim=True) - low)
