"""The Shapley kernel: coalitions to ask about, and the regression that turns their worth into values."""

from math import comb

import torch
from torch import Tensor

from ...benchmark import Rng
from .._budget import demand


def evaluations(units: int, budget: int) -> int:
    """Return the passes that a budget buys: all coalitions where they fit, else pairs and the two ends."""
    return 2**units if 2**units <= budget else 2 + 2 * ((budget - 2) // 2)


def every_coalition(units: int) -> tuple[Tensor, Tensor]:
    """Return all coalitions (1, M, U) bool but the empty and the full one, and the kernel as their weights (M,)."""
    every = torch.arange(1, 2**units - 1)[:, None] >> torch.arange(units) & 1
    kernel = [1 / (comb(units, size) * size * (units - size)) for size in range(1, units)]
    return every.bool()[None], torch.tensor(kernel, dtype=torch.float64)[every.sum(1) - 1]


def coalitions(rng: Rng, units: int, budget: int) -> tuple[Tensor, Tensor]:
    """Return coalitions (N, M, U) bool, the empty and the full one left out, and their weights (M,).

    All of them with the kernel as weight where they fit; else drawn from the kernel in pairs with their complements
    (Covert and Lee 2021), which all weigh the same.
    """
    if 2**units <= budget:
        present, weight = every_coalition(units)
        return present.expand(len(rng), -1, -1), weight
    demand(budget, 4, "kernel_shap")
    drawn = (budget - 2) // 2
    sizes = torch.arange(1, units, dtype=torch.float64)
    chance = (1 / (sizes * (units - sizes))).cumsum(0)
    size = 1 + torch.searchsorted(chance / chance[-1], rng.uniform(drawn).double()).clamp(max=units - 2)
    half = rng.uniform(drawn, units).argsort(2).argsort(2) < size[:, :, None]
    return torch.cat([half, ~half], 1), torch.ones(2 * drawn, dtype=torch.float64)


def constrained_least_squares(present: Tensor, weight: Tensor, worth: Tensor, total: Tensor) -> Tensor:
    """Return the values (N, U) that fit the coalitions' worth (N, M) best among those that add up to the total (N,).

    Coalitions that all samples share are given once, (1, M, U).
    """
    if present.shape[2] == 1:
        return total[:, None]
    design = present.double()
    weighted = (design * weight[:, None]).transpose(1, 2)
    inverse: Tensor = torch.linalg.pinv(weighted @ design, hermitian=True)
    free = (inverse @ (weighted @ worth.double()[:, :, None]))[:, :, 0]
    toward = inverse.sum(2)
    missing: Tensor = (total - free.sum(1)) / toward.sum(1)
    return free + toward * missing[:, None]
