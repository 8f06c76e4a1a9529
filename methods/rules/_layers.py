"""Relevance at a linear layer. Every rule tells autograd another way to the layer's own output.

Relevance is always value times gradient, so that sums, residuals and reshaping need no rule: at an output z with the
gradient g it is z·g, and a layer whose share of input i in output j is s_ij has to hand x_i·g_i = Σ_j s_ij z_j g_j on.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import torch
from torch import Tensor

from ...benchmark import Refused
from ._mode import as_if

ROUNDING: Final = 1e-6
"""A share of what a quantity is measured by; less may be rounding."""


@dataclass(frozen=True)
class Doorstep:
    """Where what is read of the input meets the first layer: only from here on relevance is value times gradient."""

    x: Tensor
    """The input of the gate."""
    read: Tensor
    """The input after preprocessing, and after what the network does likewise."""

    def along(self, way: Tensor) -> Tensor:
        """Return how much what is read changes when the input goes a way."""
        free = torch.zeros_like(self.read, requires_grad=True)
        (pulled,) = torch.autograd.grad(self.read, self.x, free, create_graph=True)
        (pushed,) = torch.autograd.grad(pulled, free, way)
        return pushed.detach()

    @cached_property
    def carrier(self) -> Tensor:
        """A tensor whose gradient is relevance: it goes to the pixels by their part in resizing, else untouched."""
        slope = self.along(torch.ones_like(self.x))
        return self.read * torch.where(slope == 0, 0, 1 / slope)

    def crossed(self) -> Tensor:
        """Return what is read; its value times its gradient becomes the input's gradient."""
        value = self.read.detach().clone()
        entered = as_if(value, self.carrier * value)
        vars(entered)["doorstep"] = self
        return entered


@dataclass(frozen=True)
class Layer:
    """A linear operation: of an input, with a weight and perhaps a bias."""

    call: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    x: Tensor
    weight: Tensor
    bias: Tensor | None
    convolves: bool = False
    leads: bool = True
    """Whether the first axis of the weight is the outputs'."""

    @cached_property
    def output(self) -> Tensor:
        """Its output."""
        return self.call(self.x.detach(), self.weight, self.bias)

    @property
    def doorstep(self) -> Doorstep | None:
        """Where its input comes from, if it is the first to read it."""
        return vars(self.x).get("doorstep")

    def scaled(self, scale: Tensor, shift: Tensor) -> "Layer":
        """Return the layer with its outputs scaled and shifted."""
        weight = self.weight * scale.reshape(-1, *[1] * (self.weight.ndim - 1))
        return replace(self, weight=weight, bias=shift if self.bias is None else self.bias * scale + shift)

    def parts(self, upward: Tensor, downward: Tensor, bias: Tensor | None) -> Tensor:
        """Return positive inputs with one weight and negative ones with another."""
        return self.call(self.x.clamp(min=0), upward, bias) + self.call(self.x.clamp(max=0), downward, None)


LayerRule = Callable[[Layer], Tensor]


def shared(output: Tensor, *parts: tuple[Tensor, Tensor | float]) -> Tensor:
    """Return the output, its relevance shared out in each part by contribution; each is weighted."""
    return as_if(output, sum((z * quotient(w * output, z) for z, w in parts), start=torch.zeros_like(output)))


def quotient(a: Tensor, z: Tensor) -> Tensor:
    """Return the constant a/z, and 0 where z is 0; nothing absolute is added, which would depend on the unit."""
    return torch.where(z == 0, 0, a / z).detach()


def by_epsilon(epsilon: float) -> LayerRule:
    """Share by contribution; `epsilon`, in the unit of the outputs, absorbs what is small (Bach et al. 2015)."""

    def rule(layer: Layer) -> Tensor:
        way = layer.call(layer.x, layer.weight, layer.bias)
        return as_if(way, way * torch.where(way == 0, 1, way.abs() / (way.abs() + epsilon)).detach())

    return rule


def in_proportion(layer: Layer) -> Tensor:
    """Share by contribution, and absorb nothing: no unit of the outputs is known."""
    return layer.call(layer.x, layer.weight, layer.bias)


def by_gamma(gamma: float) -> LayerRule:
    """Favour contributions of the output's own sign (Montavon et al. 2019, generalised by Andéol et al. 2021)."""

    def rule(layer: Layer) -> Tensor:
        z, w, b = layer.output, layer.weight, layer.bias
        more, less = w + gamma * w.clamp(min=0), w + gamma * w.clamp(max=0)
        up = layer.parts(more, less, None if b is None else b + gamma * b.clamp(min=0))
        down = layer.parts(less, more, None if b is None else b + gamma * b.clamp(max=0))
        return shared(z, (up, (z > 0).to(z.dtype)), (down, (z < 0).to(z.dtype)))

    return rule


def by_sign(alpha: float, beta: float) -> LayerRule:
    """Share `alpha` among positive contributions and take `beta` from negative ones (Bach et al. 2015)."""

    def rule(layer: Layer) -> Tensor:
        up, down = layer.weight.clamp(min=0), layer.weight.clamp(max=0)
        b = layer.bias
        parts = [(layer.parts(up, down, None if b is None else b.clamp(min=0)), alpha)]
        if beta:
            parts.append((layer.parts(down, up, None if b is None else b.clamp(max=0)), -beta))
        return shared(layer.output, *parts)

    return rule


def flat(layer: Layer, door: Doorstep) -> Tensor:
    """Share alike among all inputs, whatever they are."""
    ones = torch.ones_like(layer.weight)
    z, count = layer.output, layer.call(torch.ones_like(layer.x), ones, None)
    return as_if(z, layer.call(door.carrier, ones, None) * quotient(z, count))


def box(low: float, high: float) -> Callable[[Layer, Doorstep], Tensor]:
    """Share by what each input adds beyond the lowest and highest that it could be (Montavon et al. 2017)."""

    def rule(layer: Layer, door: Doorstep) -> Tensor:
        slack = ROUNDING * (high - low)
        if bool((door.x < low - slack).any()) or bool((door.x > high + slack).any()):
            raise Refused(
                f"the box rule is for inputs within [{low:g}, {high:g}]: give `low` and `high`, or another rule"
            )
        read, carried = door.read.detach(), door.carrier
        ends = [read + door.along(end - door.x.detach()) for end in (low, high)]
        least, most = torch.minimum(*ends), torch.maximum(*ends)

        def beyond(x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
            up, down = layer.weight.clamp(min=0), layer.weight.clamp(max=0)
            return layer.call(x, layer.weight, None) - layer.call(lower, up, None) - layer.call(upper, down, None)

        z, total = layer.output, beyond(read, least, most)
        # What inputs add is a difference, of which rounding is left where they are at an end.
        total = total.where(total > ROUNDING * total.amax(tuple(range(1, total.ndim)), keepdim=True), 0)
        return as_if(z, beyond(carried * read, carried * least, carried * most) * quotient(z, total))

    return rule


def first(rule: Callable[[Layer, Doorstep], Tensor], then: LayerRule) -> LayerRule:
    """Go by one rule where the input is read, and by another behind."""

    def either(layer: Layer) -> Tensor:
        return then(layer) if layer.doorstep is None else rule(layer, layer.doorstep)

    return either
