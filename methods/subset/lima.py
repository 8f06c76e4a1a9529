"""LiMA."""

from torch import Tensor

from ...benchmark import Game, method
from ._map import subset_map
from ._scores import Weights
from ._search import bill


@method(paper="arXiv:2504.00470", passes=lambda units, pending, k: (bill(units, pending, k), 0))
def lima(
    game: Game,
    *,
    consistency: float = 20.0,
    collaboration: float = 5.0,
    confidence: float = 0.05,
    effectiveness: float = 0.01,
    evidence: str = "entropy",
    pending: int = 8,
    k: int = 0,
) -> Tensor:
    """SMDL's scores in a search from both ends: each step finds the most and the least important unit left (LiMA).

    The least important is the worst of the `pending` that look worst; with one of them, the search is the paper's
    without a pending set, with as many as units it is plain greedy. The last `pending` come one at a time. The weights
    are those of the paper's ablation; its scripts have others. `evidence` is SMDL's: entropy as in the paper, or
    evidential, of the model's evidential head on the features of the same passes.
    """
    return subset_map(game, Weights(consistency, collaboration, confidence, effectiveness, evidence), pending, k)
