"""All scores of how relevance adds up over random subsets of units, from the same passes."""

from torch import Tensor

from ...benchmark import Game, Rng, metric, unit_count
from ._correlation import pearson, spearman
from ._subsets import subset_count, subset_effects, subset_size


@metric(
    better={"faithfulness_correlation": "higher", "mu_fidelity": "higher", "infidelity": "lower"},
    paper="arXiv:2005.00631",
    passes=lambda subsets, size, units: (1 + subset_count(units, subset_size(units, size), subsets), 0),
)
def subset_correlations(
    game: Game, units: Tensor, attribution: Tensor, rng: Rng, *, subsets: int = 64, size: float = 0.2
) -> dict[str, Tensor]:
    """Faithfulness correlation, mu-fidelity and infidelity: the relevance in subsets against what hiding them does.

    Subsets hold the share `size` of the units; where there are no more than `subsets`, each is asked about once.

    - `faithfulness_correlation`: Pearson's, of the relevance in a subset and the fall of the score when it is hidden
      (Bhatt et al. 2020); `mu_fidelity`: Spearman's (Xplique, Fel et al. 2022). In [-1, 1]; NaN where the sums of
      relevance are all the same, or the score falls by the same for all subsets.
    - `infidelity`: the mean squared error of the relevance in a subset as a forecast of that fall, after scaling the
      map as best (Yeh et al. 2019); in squared units of the score. Hiding is their perturbation I = x - baseline, and
      relevance is that of effects, not a slope. Unlike in the paper the scale cannot be negative, or a map would be as
      good as its opposite. A zero map forecasts that nothing happens.
    """
    forecast, fall = subset_effects(game, units, attribution, rng, subset_size(unit_count(units), size), subsets)
    return {
        "faithfulness_correlation": pearson(forecast, fall, game.rounding),
        "mu_fidelity": spearman(forecast, fall, game.rounding),
        "infidelity": (_best_scale(forecast, fall) * forecast - fall).square().mean(1),
    }


def _best_scale(forecast: Tensor, fall: Tensor) -> Tensor:
    """Return the factor (N, 1) that brings forecasts (N, M) closest to what happens: positive, or 0."""
    bounded = forecast / forecast.abs().amax(1, keepdim=True)
    scale = (bounded * fall).mean(1, keepdim=True) / bounded.square().mean(1, keepdim=True)
    return (scale / forecast.abs().amax(1, keepdim=True)).nan_to_num(0.0).clamp(min=0.0)
