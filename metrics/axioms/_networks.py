"""Other networks, made from a given one, and how far apart two explanations are."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn

from ...benchmark import Network, Refused, WhiteBox

Change = Callable[[Network], Network]
ROUNDING = 1e-3
"""The most that two ways to compute the same logits may be apart."""
RESOLUTION = 1e-6
"""Most networks compute in single precision: what is closer is the same."""


def seeing(view: Callable[[Tensor], Tensor]) -> Change:
    """Return the change into a network that sees of each input only what `view` makes of it."""

    def changed(network: Network) -> Network:
        return replace(network, module=_module(network), preprocess=lambda x: network.preprocess(view(x)), masked={})

    return changed


def rebuilt(build: Callable[[nn.Module], nn.Module]) -> Change:
    """Return the change into a network whose module is what `build` makes of a copy."""

    def changed(network: Network) -> Network:
        return replace(network, module=build(deepcopy(_module(network))), masked={})

    return changed


def _module(network: Network) -> nn.Module:
    if network.module is None:
        raise Refused("the model has no module that could be changed: it only gives scores")
    return network.module


def demand_equal(model: WhiteBox, x: Tensor, other: WhiteBox, moved: Tensor) -> None:
    """Refuse a second network that does not give the logits of the first but for rounding; two passes a sample."""
    if not torch.isclose(model.logits(x), other.logits(moved), rtol=ROUNDING, atol=ROUNDING).all():
        raise Refused("the network, written otherwise, does not give the same logits")


def distance(left: Tensor, right: Tensor) -> Tensor:
    """Return how far apart maps (N, E) are, relative to the sum of their sizes, in the 1-norm.

    From 0, the same but for rounding, to 1, nothing in common; NaN where both are zero.
    """
    apart = (left - right).abs().sum(1) / (left.abs().sum(1) + right.abs().sum(1))
    return apart.masked_fill(apart < RESOLUTION, 0.0)
