"""Answers of a network about scenes of which only some parts are drawn, for every subset of the parts."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from ...benchmark import read_out
from .._shapley import coalitions, exact_shapley
from ..creatures.code import PARTS
from ..creatures.render import render
from ..creatures.scenes import Scenes

Predict: TypeAlias = Callable[[Tensor], Tensor]
"""Images (N, 3, 64, 64) to logits (N, K)."""


@torch.no_grad()
def asked(network: Predict, images: Tensor) -> Tensor:
    """Return a network's logits (N, K), a few pictures at a time."""
    return torch.cat([network(some) for some in torch.split(images, 128)])


def coalition_logits(network: Predict, scenes: Scenes) -> Tensor:
    """Return a network's logits for scenes drawn with every subset of their parts, (N, 32, K); see `coalitions`."""
    logits = []
    for kept in coalitions(len(PARTS)):
        keep = scenes.present
        keep[:, : len(PARTS)] = kept
        logits.append(asked(network, render(scenes, keep)[0]))
    return torch.stack(logits, 1)


def shapley(logits: Tensor, target: Tensor, readout: str) -> Tensor:
    """Return the exact Shapley values (N, 5) of the parts in the readout of a target (N,), from `coalition_logits`."""
    return exact_shapley(_values(logits, target, readout))


def removals(logits: Tensor, target: Tensor, readout: str) -> Tensor:
    """Return what removing each part alone takes away from the readout of a target (N,), (N, 5)."""
    values, everything = _values(logits, target, readout), 2 ** len(PARTS) - 1
    return values[:, [everything]] - values[:, [everything - 2**part for part in range(len(PARTS))]]


def _values(logits: Tensor, target: Tensor, readout: str) -> Tensor:
    values = read_out(logits.flatten(0, 1), target.repeat_interleave(logits.shape[1]), readout)
    return values.reshape(logits.shape[:2]).double()
