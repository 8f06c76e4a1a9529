"""Ablation-CAM."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ...benchmark import GlassBox, Network, WhiteBox, method
from ._maps import rectified, strongest

NUMBERS = 1 << 20
"""The copies of the inputs that are made at a time hold about so many numbers."""


@method(paper="doi:10.1109/WACV45572.2020.9093360", signed=False)
def ablation_cam(model: GlassBox, x: Tensor, target: Tensor, *, layer: str = "", budget: int = 0) -> Tensor:
    """A layer's channels, each weighted with the target score's relative drop without it, summed and rectified.

    Without a channel means that it is 0 all over, class token included. The drop is relative to the score's magnitude,
    so that a negative score does not turn the map round; where the score is 0, it is the drop itself. Beside a pass
    forward and back to read the layer, and one for the score, it costs a pass for each channel: all of them by default,
    as in the paper, or those of the largest mean activation that the `budget` buys.
    """
    name = layer or model.layers()[-1]
    activation = model.tap(x, target, name)[0].double()
    chosen = strongest(activation, budget, 2, "ablation_cam")
    score = model.score(x, target)[:, None]
    ablated = model.changed(lambda network: Network(Ablated(network, name, x.shape)))
    some = torch.split(chosen, max(1, NUMBERS // max(x.numel(), 1)), 1)
    drops = score - torch.cat([_scores(ablated, x, target, one_hot(part, activation.shape[1])) for part in some], 1)
    weights = drops / score.abs().where(score != 0, 1)
    channels = activation.gather(1, chosen[:, :, None, None].expand(-1, -1, *activation.shape[2:]))
    return rectified(weights[:, :, None, None] * channels, x)


def _scores(ablated: WhiteBox, x: Tensor, target: Tensor, gone: Tensor) -> Tensor:
    """Return the scores (N, M) of each input without what is `gone` (N, M, C) of the channels."""
    copies = x.flatten(1)[:, None].expand(-1, gone.shape[1], -1)
    beside = torch.cat([copies, 1 - gone.to(x.dtype)], 2).flatten(0, 1)
    return ablated.score(beside, target.repeat_interleave(gone.shape[1])).reshape(gone.shape[:2])


class Ablated(nn.Module):
    """A network whose input says at its end, after all pixels, which channels of a layer are left: (N, D + C)."""

    def __init__(self, network: Network, layer: str, shape: torch.Size) -> None:
        super().__init__()
        self.add_module("inner", network.module)
        self.network, self.layer, self.shape = network, f"inner.{layer}", shape[1:]

    def forward(self, beside: Tensor) -> Tensor:
        """Return the logits."""
        x, left = beside.tensor_split([self.shape.numel()], 1)
        with self._without(left):
            return self.network.logits(x.reshape(-1, *self.shape))

    @contextmanager
    def _without(self, left: Tensor) -> Iterator[None]:
        """Let the layer give only the channels that are left (N, C)."""

        def keep(_module: nn.Module, _inputs: object, output: Tensor | tuple[Tensor, ...]) -> object:
            if isinstance(output, Tensor):
                return self._times(output, left)
            return self._times(output[0], left), *output[1:]

        handle = self.get_submodule(self.layer).register_forward_hook(keep)
        try:
            yield
        finally:
            handle.remove()

    def _times(self, activation: Tensor, left: Tensor) -> Tensor:
        first = activation.ndim == 4 and self.network.grid(activation[:1]).equal(activation[:1])
        axes = [1] * (activation.ndim - 2)
        return activation * (left.reshape(*left.shape, *axes) if first else left.reshape(len(left), *axes, -1))
