"""Hiding parts of a picture inside a network: layer masking for CNNs, token dropping for vision transformers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from ..benchmark import Refused, like_input, read_logits
from ._masked_tensor import hide
from .inspection import Size

Preprocess = Callable[[Tensor], Tensor]
Masking = Callable[[Tensor, Tensor], object]

ROUNDING: Final = 1e-5


@dataclass(frozen=True, slots=True)
class Transformer:
    """The parts of a vision transformer that token dropping needs."""

    before: nn.Module
    """The module that all tokens pass after the position embedding and before the blocks."""
    grid: Size
    prefix: int
    pools: bool
    """Whether the patch tokens are averaged or the like at the end, so that there has to be one."""


def maskings(module: nn.Module, preprocess: Preprocess) -> Mapping[str, Masking]:
    """Return, by name, the ways in which a network can leave out what is not kept of its pictures.

    Each takes x (N, C, H, W) in data space and `kept` (N, H·W) bool, and returns the module's own output. The module
    has to be in evaluation mode, and `preprocess` affine in the picture (resize, crop, normalise).
    """
    if _transformer(module) is not None:
        return {"token_dropping": partial(token_dropping, module=module, preprocess=preprocess)}
    if _is_convolutional(module):
        return {"layer_masking": partial(layer_masking, module=module, preprocess=preprocess)}
    return {}


def _is_convolutional(module: nn.Module) -> bool:
    """Whether a module convolves beyond embedding patches, without attention and without opaque compiled parts."""
    opaque = (nn.MultiheadAttention, torch.jit.ScriptModule)
    if any(isinstance(part, opaque) or hasattr(part, "qkv") or hasattr(part, "kv") for part in module.modules()):
        return False
    convolutions = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    return any(part.kernel_size != part.stride or max(part.kernel_size) == 1 for part in convolutions)


def _transformer(module: nn.Module) -> Transformer | None:
    """Return the part that is a timm VisionTransformer whose tokens know their places by their embedding alone."""
    for part in module.modules():
        before, prefix = getattr(part, "norm_pre", None), getattr(part, "num_prefix_tokens", None)
        grid = getattr(getattr(part, "patch_embed", None), "grid_size", None)
        whole = hasattr(part, "blocks") and hasattr(part, "pos_embed") and getattr(part, "rope", None) is None
        if whole and isinstance(before, nn.Module) and isinstance(prefix, int) and isinstance(grid, tuple):
            pools = getattr(part, "global_pool", "") != "token"
            return Transformer(before, (int(grid[0]), int(grid[1])), prefix, pools)
    return None


def layer_masking(x: Tensor, kept: Tensor, *, module: nn.Module, preprocess: Preprocess) -> object:
    """Return what a CNN makes of the kept pixels alone (arXiv:2211.14646).

    Every activation carries a mask. A convolution first fills the hidden rim that its kernel reaches with the mean of
    known neighbours; its output is shown where it saw a shown place. Averages and maxima are taken over shown places
    only. A sum of two branches is shown where both are. A picture of which nothing is kept, or nothing left, has zero
    for features, so it gives what the classifier gives for zeros. An operation without a rule is Refused by its name.
    """
    picture, share = _prepared(x, kept, preprocess)
    with torch.no_grad():
        return module(hide(picture, share >= 0.5 - ROUNDING))


def token_dropping(x: Tensor, kept: Tensor, *, module: nn.Module, preprocess: Preprocess) -> object:
    """Return what a vision transformer makes of the tokens of the kept patches and its prefix tokens.

    A token goes, after the position embedding, where at least half of its patch is hidden. What is hidden, or belongs
    to such a patch, has the mean colour of the rest before the patch embedding, lest convolutions there see it. Without
    any patch the class token alone is read; a network that pools its tokens is given all tokens of an empty picture.
    """
    transformer = _transformer(module)
    if transformer is None:
        raise Refused(f"{type(module).__name__} is no vision transformer whose tokens could be dropped")
    picture, share = _prepared(x, kept, preprocess)
    patches = adaptive_avg_pool2d(share, transformer.grid) > 0.5 + ROUNDING
    whole = interpolate(patches.to(share.dtype), share.shape[2:]) > 0
    picture = _coloured(picture, whole & (share >= 0.5 - ROUNDING))
    tokens = patches.flatten(1)
    if transformer.pools:
        tokens = tokens | ~tokens.any(1, keepdim=True)
    return _by_count(module, transformer, picture, tokens)


def _prepared(x: Tensor, kept: Tensor, preprocess: Preprocess) -> tuple[Tensor, Tensor]:
    """Return what the module expects (N, C, H', W'), and how much of each of its places is kept, (N, 1, H', W').

    The places are found by sending the mask through the same preprocessing; a place on the border of what is kept is
    the weighted mean of its kept pixels alone, so no hidden pixel is ever read.
    """
    if x.ndim != 4:
        raise Refused(f"only pictures (N, C, H, W) can be masked inside a network, x has shape {tuple(x.shape)}")
    mask = like_input(kept, x)
    none = preprocess(torch.zeros_like(x[:1]))
    whole = (preprocess(torch.ones_like(x[:1])) - none).abs().sum(1, keepdim=True)
    part = (preprocess(mask.to(x.dtype).repeat(1, x.shape[1], 1, 1)) - none).abs().sum(1, keepdim=True)
    # What shows no pixel at all, such as padding, is always there.
    share = torch.where(whole > 0, part / whole, 1)
    picture = preprocess(torch.where(mask, x, 0))
    cut = (share > 0) & (share < 1)
    return torch.where(cut, none + (picture - none) / share, picture), share


def _coloured(picture: Tensor, shown: Tensor) -> Tensor:
    """Give what is not shown the mean colour of what is; zero where nothing is."""
    total = torch.where(shown, picture, 0).sum((2, 3), keepdim=True)
    return torch.where(shown, picture, total / shown.sum((2, 3), keepdim=True).clamp(min=1))


def _by_count(module: nn.Module, transformer: Transformer, picture: Tensor, tokens: Tensor) -> Tensor:
    """Return the logits of pictures with only these `tokens` (N, T) bool; those with equally many go together."""
    counts = tokens.sum(1)
    rows_of = {count: (counts == count).nonzero()[:, 0] for count in counts.tolist() or [0]}
    found: list[Tensor] = []
    for count, rows in rows_of.items():
        indices = tokens[rows].nonzero()[:, 1].reshape(len(rows), count)
        with torch.no_grad(), _only(transformer, indices, tokens.shape[1]):
            found.append(read_logits(module(picture[rows])))
    return torch.cat(found)[torch.cat([*rows_of.values()]).argsort()]


@contextmanager
def _only(transformer: Transformer, indices: Tensor, count: int) -> Iterator[None]:
    """Leave a transformer its prefix tokens and, of its `count` patch tokens, those with these `indices` (N, k)."""
    before = torch.arange(transformer.prefix, device=indices.device).expand(len(indices), -1)
    wanted = torch.cat([before, indices + transformer.prefix], 1)[..., None]

    def choose(_module: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        (tokens,) = inputs
        if tokens.shape[1:-1] != (transformer.prefix + count,):
            raise Refused(f"the transformer has tokens of shape {tuple(tokens.shape)}, expected {count} of patches")
        return tokens.gather(1, wanted.expand(-1, -1, tokens.shape[-1]))

    handle = transformer.before.register_forward_pre_hook(choose)
    try:
        yield
    finally:
        handle.remove()
