"""Centred cosine with the true effects."""

from torch import Tensor

from ...benchmark import metric, per_unit, rounding_of
from ._centred import agreement
from ._grown import grown

SIGNS = ("signed", "magnitude")


# Of magnitudes, an opposite map has the same score, and not the opposite one.
@metric(better="higher", passes=lambda: (0, 0), chance=lambda sign: 0.0 if sign == "signed" else None)
def centred_cosine(
    attribution: Tensor, effect: Tensor, parts: Tensor, x: Tensor, *, sign: str = "signed", tolerance: int = 0
) -> Tensor:
    """Pearson's correlation of the units' relevance with what really removing them does; 0 for equal relevance.

    The cosine after the mean over the units is taken off both: that all units matter is no merit. In [-1, 1]; NaN where
    the effect is the same for all units. With `sign` "magnitude", that of the units' relevance is compared with that of
    the effects. `tolerance` grows the units of a picture by so many pixels: what is no unit's, and so near to one
    alone, by rows and by columns, counts for it.
    """
    if sign not in SIGNS:
        raise ValueError(f"sign {sign!r} is unknown; choose one of {', '.join(SIGNS)}")
    relevance = per_unit(attribution, grown(parts, effect.shape[1], x, tolerance), effect.shape[1])
    if sign == "magnitude":
        relevance, effect = relevance.abs(), effect.abs()
    return agreement(relevance, effect, rounding_of(effect.dtype))
