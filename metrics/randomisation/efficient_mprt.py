"""The rise in complexity when a model forgets everything."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...benchmark import WhiteBox, metric, per_unit, snapped
from ._layers import cascade

INSIDE = 1e-4
"""The share of a bin that values are raised by, so that rounding does not move those that lie on its edge."""


@metric(better="higher", paper="arXiv:2401.06465", passes=lambda: (0, 0))
def efficient_mprt(
    explain: Callable[..., Tensor], model: WhiteBox, attribution: Tensor, *, bins: int = 100, seed: int = 0
) -> Tensor:
    """The relative rise of the entropy of an explanation's histogram when the model forgets everything.

    Entropies of the elements' values in `bins` equal bins from a map's least value to its greatest (Hedström et al.
    2023). NaN for a constant map, whose entropy is zero; -1 where only the forgetful copy's is constant. Of a table's
    few columns, hardly two share a bin, and every map has nearly the same entropy.
    """
    (everything,) = cascade(model.module, 1)
    own = histogram_entropy(attribution, bins)
    forgetful = histogram_entropy(explain(model=model.randomized(seed, everything)), bins)
    return (forgetful - own) / own.where(own > 0, torch.nan)


def histogram_entropy(maps: Tensor, bins: int) -> Tensor:
    """Return the entropy (N,), in nats, of each map's values in equal bins over its own range; NaN if not finite."""
    maps = snapped(maps)
    least = maps.amin(1, keepdim=True)
    place = (maps - least) / (maps.amax(1, keepdim=True) - least)
    label = (place * bins + INSIDE).nan_to_num(0.0).long().clamp(max=bins - 1)
    share = per_unit(torch.ones_like(maps), label, bins) / maps.shape[1]
    entropy: Tensor = torch.special.entr(share).sum(1)
    return entropy.where(maps.isfinite().all(1), torch.nan)
