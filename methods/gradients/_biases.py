"""A network that puts down, on a sheet beside its picture, what each of its biases adds to the score."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from ...benchmark import Network, Refused, read_logits

SHEET = 3
"""A sheet's channels: the map, the sum of all terms, the sum of their sizes; the sums are the same in all places."""


def with_sheet(network: Network) -> Network:
    """Return a network of pictures with a sheet (N, C + SHEET, H, W); the sheet's gradient is what is put down.

    The terms are the network's own input and every bias, each times its gradient, less every logit times its own: of a
    piecewise linear network they add up to zero.
    """
    return Network(_Tapped(network))


class _Tapped(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        if network.module is None:
            raise Refused("this model has no module to find biases in")
        self.inner, self.preprocess = network.module, network.preprocess

    def forward(self, both: Tensor) -> Tensor:
        picture, sheet = both[:, :-SHEET], both[:, -SHEET:]
        x = self.preprocess(picture)
        with _tapped(self.inner, sheet):
            logits = read_logits(self.inner(_tap(x, sheet, x, x.ndim == 4)))
        return _tap(logits, sheet, -logits, False)


@contextmanager
def _tapped(module: nn.Module, sheet: Tensor) -> Iterator[None]:
    """Tap the output of every layer with a bias."""
    hooks = []
    for layer in module.modules():
        bias = bias_of(layer)
        if bias is not None:
            tap = partial(_tap_layer, sheet=sheet, bias=bias, linear=isinstance(layer, nn.Linear))
            within = next(layer.children(), None)
            # A batch norm with parts, as timm has them, hands its sum on to them.
            hooks.append(
                layer.register_forward_hook(lambda _, __, output, tap=tap: tap(output))
                if within is None
                else within.register_forward_pre_hook(lambda _, given, tap=tap: (tap(given[0]), *given[1:]))
            )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _tap_layer(output: Tensor, *, sheet: Tensor, bias: Tensor, linear: bool) -> Tensor:
    """Tap a layer's output; the features of a linear layer come last, and have no place."""
    across = bias if linear else bias.reshape(-1, *[1] * (output.ndim - 2))
    return _tap(output, sheet, across, output.ndim == 4 and not linear)


def bias_of(layer: nn.Module) -> Tensor | None:
    """Return what a layer adds to a linear function of its input, per channel; None where there is no such thing."""
    if isinstance(layer, _BatchNorm) and layer.running_mean is not None and layer.running_var is not None:
        scale = (layer.running_var + layer.eps).rsqrt()
        scale = scale if layer.weight is None else scale * layer.weight.detach()
        shift = 0.0 if layer.bias is None else layer.bias.detach()
        return shift - layer.running_mean * scale
    bias = layer.bias if isinstance(layer, (_ConvNd, nn.Linear)) else None
    return bias.detach() if isinstance(bias, Tensor) else None


class _Tap(torch.autograd.Function):
    """The value itself; on the way back, its gradient times a factor is put down on the sheet."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, sheet: Tensor, factor: Tensor, placed: bool) -> Tensor:
        ctx.save_for_backward(factor)
        ctx.sheet, ctx.placed = sheet[:0], placed
        ctx.size = sheet.shape
        # A copy, for what follows may change its input in place.
        return value.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        (factor,) = ctx.saved_tensors
        terms = gradient * factor
        return gradient, _put_down(terms, ctx.size, ctx.placed).to(ctx.sheet), None, None


def _tap(value: Tensor, sheet: Tensor, factor: Tensor, placed: bool) -> Tensor:
    tapped: Tensor = _Tap.apply(value, sheet, factor.detach(), placed)  # type: ignore[no-untyped-call]
    return tapped


def _put_down(terms: Tensor, size: torch.Size, placed: bool) -> Tensor:
    """Return a sheet with terms (N, …), whose sizes make a map where they have a place."""
    if len(terms) != size[0]:
        raise Refused(f"a layer has {len(terms)} rows for {size[0]} pictures, so its biases belong to none of them")
    flat = terms.double().flatten(1)
    sums = torch.stack([flat.sum(1), flat.abs().sum(1)], 1)[:, :, None, None].expand(-1, -1, *size[2:])
    drawn = _upsampled(terms.double(), size[2:]) if placed else torch.zeros_like(sums[:, :1])
    return torch.cat([drawn, sums], 1)


def _upsampled(terms: Tensor, size: torch.Size) -> Tensor:
    """Return the sizes of terms (N, C, h, w), scaled to [0, 1] in each sample, summed over channels, upsampled."""
    sizes = terms.abs()
    low, high = sizes.amin((1, 2, 3), keepdim=True), sizes.amax((1, 2, 3), keepdim=True)
    scaled = (sizes - low) / torch.where(high > low, high - low, 1.0)
    return interpolate(scaled.sum(1, keepdim=True), tuple(size), mode="bilinear", align_corners=True)
