"""The mean colour."""

from torch import Tensor

from ..registry import imputer
from ._pictures import demand_pictures, mean_colour


@imputer()
def mean(x: Tensor) -> Tensor:
    """The picture's own mean colour, hidden pixels included."""
    demand_pictures(x, "mean colour")
    return mean_colour(x).expand_as(x)
