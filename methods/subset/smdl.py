"""SMDL-Attribution."""

from torch import Tensor

from ...benchmark import Game, method
from ._map import subset_map
from ._scores import Weights
from ._search import bill


@method(paper="arXiv:2402.09164", passes=lambda units, k: (bill(units, units, k), 0))
def smdl(
    game: Game,
    *,
    consistency: float = 1.0,
    collaboration: float = 1.0,
    confidence: float = 1.0,
    effectiveness: float = 1.0,
    evidence: str = "entropy",
    k: int = 0,
) -> Tensor:
    """Units in the order in which a set grows, each time by the one that makes it worth most (SMDL-Attribution).

    Worth is the sum of four scores: the target's readout of the set (consistency), one less that of the rest
    (collaboration), how sure the model is (confidence), and how far the units' features are from each other
    (effectiveness), all of weight 1 as in the paper. Confidence is read of the entropy; with `evidence=evidential`, as
    in the paper, of the evidential head that comes with the model, on the features of the same passes; with
    `evidential_logits`, of a model that is one itself. A unit's value is the share of the change in the first two
    scores that comes after it. The first `k` units are ordered; 0: all.
    """
    weights = Weights(consistency, collaboration, confidence, effectiveness, evidence)
    return subset_map(game, weights, game.players, k)
