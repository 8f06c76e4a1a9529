"""C-LIME."""

from torch import Tensor

from ...benchmark import BlackBox, Rng, method
from .._budget import demand
from ._engine import additive, squared_error
from ._neighbourhoods import Asked, demand_noise, gaussian, reach


@method(paper="arXiv:2102.10618", passes=lambda budget: (budget, 0))
def c_lime(model: BlackBox, x: Tensor, target: Tensor, rng: Rng, *, budget: int = 1000, noise: float = 0.15) -> Tensor:
    """The weights of a linear regression of the score on normal noise that is added to the input.

    In the limit of many draws, that is SmoothGrad, whose `noise` it has: a share of the input's range. With fewer than
    two draws for each weight, each is that of a regression on its input alone: the noise is uncorrelated.
    """
    demand(budget, 2, "c_lime")
    demand_noise(noise)
    around = additive(model, x, target)
    asked = Asked(rng, budget, around.size, reach(x), noise=noise)
    return squared_error(around, gaussian(asked), alone=asked.few).reshape(x.shape)
