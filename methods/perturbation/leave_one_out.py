"""Leave one out."""

import torch
from torch import Tensor

from ...benchmark import Game, method


@method(paper="arXiv:1612.08220", passes=lambda units: (units + 1, 0))
def leave_one_out(game: Game) -> Tensor:
    """The drop of the target score when a unit is hidden, for every unit."""
    all_but_one = ~torch.eye(game.players, dtype=torch.bool).expand(len(game.full), -1, -1)
    return game.full[:, None] - game.scores(all_but_one)
