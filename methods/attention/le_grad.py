"""LeGrad."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ...benchmark import GlassBox, Network, Refused, method, read_logits
from ._tokens import on_picture

PARTS = ("blocks", "norm", "forward_head")
"""Attributes of a timm VisionTransformer that it reads."""


@method(paper="arXiv:2404.03214", signed=False, passes=lambda: (1, 1))
def le_grad(model: GlassBox, x: Tensor, target: Tensor) -> Tensor:
    """The gradient, with respect to attention to a patch, of the logit read of the mean token right behind each block.

    The mean is over all tokens, class token included, as in the authors' code for CLIP, whatever the network itself
    reads. Gradients are rectified and averaged over heads, over the tokens that attend, and over blocks. All logits
    come from one pass: no gradient goes from one block to those before it. It takes timm's VisionTransformer and its
    like.
    """
    read = model.changed(lambda network: replace(network, module=BlockByBlock(network)), "logit")
    gradients = read.attention(x, target)[1]
    blocks = [block.relu().double().mean((1, 2)) for block in gradients.unbind(1)]
    return on_picture(model, x, torch.stack(blocks).mean(0))


class BlockByBlock(nn.Module):
    """A vision transformer whose logits are the sum of what its head reads of each block's mean token."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        if not all(hasattr(network.module, name) for name in PARTS):
            raise _other(network.module)
        self.transformer: Any = network.module

    def forward(self, x: Tensor) -> Tensor:
        """Return the summed logits (N, K)."""
        with self._apart() as outputs:
            logits = read_logits(self.transformer(x))
        if len(outputs) != len(self.transformer.blocks) or not torch.allclose(self._read(outputs[-1]), logits):
            raise _other(self.transformer)
        # With all tokens alike, every way of pooling reads their mean.
        alike = (output.mean(1, keepdim=True).expand_as(output) for output in outputs)
        return torch.stack([self._read(tokens) for tokens in alike]).sum(0)

    def _read(self, tokens: Tensor) -> Tensor:
        return read_logits(self.transformer.forward_head(self.transformer.norm(tokens)))

    @contextmanager
    def _apart(self) -> Iterator[list[Tensor]]:
        """Collect what each block gives; the next one gets it without its past."""
        outputs: list[Tensor] = []

        def cut(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
            outputs.append(output)
            return output.detach().requires_grad_(output.requires_grad)

        handles = [block.register_forward_hook(cut) for block in self.transformer.blocks]
        try:
            yield outputs
        finally:
            for handle in handles:
                handle.remove()


def _other(module: nn.Module | None) -> Refused:
    name = type(module).__name__
    return Refused(f"LeGrad reads logits behind each block of timm's VisionTransformer, and {name} is built otherwise")
