"""Occlusion."""

import torch
from torch import Tensor

from ...benchmark import Game, method


@method(paper="arXiv:1311.2901", passes=lambda units: (units + 1, 0))
def occlusion(game: Game) -> Tensor:
    """The drop of the target score when a unit is hidden, for every unit."""
    all_but_one = ~torch.eye(game.players, dtype=torch.bool).expand(len(game.full), -1, -1)
    return game.full[:, None] - game.scores(all_but_one)
