"""Random attribution."""

from torch import Tensor

from ...benchmark import Rng, element_count, method


@method(role="control", passes=lambda: (0, 0))
def random(x: Tensor, rng: Rng) -> Tensor:
    """Relevance drawn from a normal distribution: the zero of every normalised score."""
    return rng.normal(element_count(x))
