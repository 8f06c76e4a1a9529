"""Random orders of the units."""

import torch
from torch import Tensor

from ...benchmark import Rng


def evaluations(units: int, budget: int) -> int:
    """Return the passes that a budget buys: the two ends, and the coalitions between them of whole orders."""
    return 2 + affordable(units, budget) * (units - 1)


def affordable(units: int, budget: int) -> int:
    """Return the orders that a budget buys; one unit needs none."""
    return (budget - 2) // (units - 1) if units > 1 else 0


def places(rng: Rng, units: int, count: int) -> Tensor:
    """Return the place (N, count, U) of every unit in random orders; every second is the reverse of the one before."""
    drawn = torch.stack([rng.permutation(units) for _ in range((count + 1) // 2)], 1)
    return torch.stack([drawn, units - 1 - drawn], 2).flatten(1, 2)[:, :count]
