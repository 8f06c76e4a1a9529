"""Transformer attribution."""

from typing import Any

import torch
from torch import Tensor

from ...benchmark import GlassBox, Network, method
from .._readouts import by_readout
from ..rules._layers import Layer, shared
from ..rules._mode import Operation, Ruled, Table, as_if, plain, tensors, tracked
from ..rules._relevance import Relevance, passed, rules
from ._tokens import as_read, beside_itself, gained, rolled_out


@method(paper="arXiv:2012.09838", signed=False, passes=lambda: (2, 2))
def transformer_attribution(model: GlassBox, x: Tensor, target: Tensor) -> Tensor:
    """Relevance of tokens to those that the logit reads: in each block, attention's relevance times its gradient.

    The products are rectified, averaged over heads and multiplied from block to block. The relevance of attention is
    the share of the logit that reaches it by positive contributions; a residual sum shares by the size of what each
    part gives altogether.
    """
    maps, gradients = by_readout(model, "logit").attention(x, target)
    _, slopes = model.changed(_ruled, "logit").attention(x, target)
    return as_read(model, x, rolled_out(beside_itself(gained(maps * slopes, gradients))), gradients[:, -1])


def _ruled(network: Network) -> Network:
    return Network(Ruled(network, lambda: Shares(_table())), layers=network.layers, grid=network.grid)


class Shares(Relevance):
    """Relevance that is 1 at the logit, whatever the logit."""

    def leave(self, output: Tensor) -> Tensor:
        """Return the logits."""
        logits = super().leave(output)
        return as_if(logits, logits * (1 / logits.where(logits != 0, 1)).detach())


def _table() -> Table:
    return {**rules(_positive, _positive, softmax=plain), "layer_norm": passed, "add": _apportioned}


def _positive(layer: Layer) -> Tensor:
    """Share among positive contributions alone, without the bias."""
    up, down = layer.weight.clamp(min=0), layer.weight.clamp(max=0)
    return shared(layer.output, (layer.parts(up, down, None), 1.0))


def _apportioned(func: Operation, *args: Any, **kwargs: Any) -> Tensor:
    """Share a sum of two parts by the size of their own sums over a sample (equations 8 and 9 of the paper)."""
    result: Tensor = func(*args, **kwargs)
    parts = [part for part in tensors([args, kwargs]) if tracked(part) and part.shape == result.shape]
    return as_if(result, _Apportioned.apply(*parts)) if len(parts) == 2 else result  # type: ignore[no-untyped-call]


class _Apportioned(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return a + b

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, Tensor]:
        first, second = (_summed(part * outer) for part in ctx.saved_tensors)
        size = first.abs() + second.abs()
        factor = outer * (first + second) / size.where(size != 0, 1)
        return factor * first.sign(), factor * second.sign()


def _summed(part: Tensor) -> Tensor:
    return part.sum(tuple(range(1, part.ndim)), keepdim=True)
