"""From attention between tokens to a map of the picture."""

from functools import reduce

import torch
from torch import Tensor

from ...benchmark import Layered
from ..cam._maps import enlarged


def gained(maps: Tensor, gradients: Tensor) -> Tensor:
    """Return what attention adds to the score in each block: positive products, averaged over heads, (N, L, T, T)."""
    blocks = zip(maps.unbind(1), gradients.unbind(1), strict=True)
    return torch.stack([(block * gradient).relu().double().mean(1) for block, gradient in blocks], 1)


def beside_itself(steps: Tensor) -> Tensor:
    """Return the steps (N, L, T, T) with what goes past attention, from every token to itself."""
    return steps + torch.eye(steps.shape[-1], dtype=steps.dtype, device=steps.device)


def rolled_out(steps: Tensor) -> Tensor:
    """Return the product of the blocks' steps (N, L, T, T), the first block's on the right: (N, T, T)."""
    return reduce(lambda before, step: step @ before, steps.unbind(1))


def on_picture(model: Layered, x: Tensor, tokens: Tensor) -> Tensor:
    """Return what is known per token (N, T) as maps of the pictures `x`."""
    return enlarged(model.places(tokens), x)


def as_read(model: Layered, x: Tensor, relevance: Tensor, gradients: Tensor) -> Tensor:
    """Return the relevance of tokens to tokens (N, T, T) to those that the score reads, as maps of the pictures `x`.

    Which ones it reads, the class token, all patches or others, is seen in the last block's gradients (N, heads, T, T):
    they are 0 in the rows of the rest. Where a saturated score has no gradient at all, it is the first of tokens beside
    the patches, or all.
    """
    read = (gradients != 0).any(1).any(2)
    patches = model.places(relevance[:1, 0]).numel()
    usual = torch.arange(read.shape[1], device=read.device) < (1 if patches < read.shape[1] else patches)
    rows = read.where(read.any(1, keepdim=True), usual).to(relevance.dtype)
    return on_picture(model, x, torch.einsum("nq,nqk->nk", rows / rows.sum(1, keepdim=True), relevance))
