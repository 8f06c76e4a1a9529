"""All scores that compare relevance with the effect of hiding each unit alone, from the same passes."""

import torch
from torch import Tensor

from ...benchmark import Game, metric, per_unit
from ._correlation import kendall, pearson, spearman


@metric(
    better={
        "faithfulness_estimate": "higher",
        "leave_one_out": "higher",
        "monotonicity_correlation": "higher",
        "non_sensitivity": "lower",
    },
    reads={"monotonicity_correlation": "magnitude", "non_sensitivity": "magnitude"},
    descriptive=("non_sensitivity",),
    paper="arXiv:1806.07538",
    passes=lambda units: (units + 1, 0),
)
def unit_effects(game: Game, units: Tensor, attribution: Tensor, *, tolerance: float = 1e-4) -> dict[str, Tensor]:
    """Faithfulness estimate, leave-one-out, monotonicity correlation, non-sensitivity: units against their effects.

    The effect of a unit is the fall of the score when it alone is hidden. What another unit could replace has none, so
    these scores are blind to redundancy.

    - `faithfulness_estimate`: Pearson's correlation of relevance and effect (Alvarez-Melis and Jaakkola 2018).
    - `leave_one_out`: Kendall's tau-b of relevance and effect (Jain and Wallace 2019).
    - `monotonicity_correlation`: Spearman's correlation of the magnitudes of relevance and effect, which rank as the
      squares of Nguyen and Martínez (2020) do; the imputer's one stand-in takes the place of their expectation over
      draws. It reads magnitudes, where the two above read signs.
    - `non_sensitivity`: the share of units that have either relevance or an effect, but not both (Nguyen and Martínez
      2020, as a share); what is at most `tolerance` of the largest of its map, or of the sample's effects, counts as
      none.

    The correlations are in [-1, 1]; NaN where relevance, or effect, is the same for all units. Relevance is the same up
    to a share of 2^-36, effects up to what the precision of the model's outputs leaves open: a millionth of the largest
    in single precision, 2^-40 of it in double.
    """
    alone = torch.eye(game.players, dtype=torch.bool).expand(len(units), -1, -1)
    relevance, effect = per_unit(attribution, units), game.full[:, None] - game.scores(~alone)
    return {
        "faithfulness_estimate": pearson(relevance, effect, game.rounding),
        "leave_one_out": kendall(relevance, effect, game.rounding),
        "monotonicity_correlation": spearman(relevance.abs(), effect.abs(), game.rounding),
        "non_sensitivity": (_some(relevance, tolerance) != _some(effect, tolerance)).double().mean(1),
    }


def _some(values: Tensor, tolerance: float) -> Tensor:
    return values.abs() > tolerance * values.abs().amax(1, keepdim=True)
