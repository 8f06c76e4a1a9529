"""XRAI: explanation with ranked area integrals."""

import torch
from torch import Tensor

from ...benchmark import Differentiable, method
from .._budget import demand
from .._pictures import demand_pictures
from ._line import line_integral
from ._regions import densities, regions


@method(paper="arXiv:1906.02825", passes=lambda budget: (budget // 2 * 2, budget // 2 * 2))
def xrai(model: Differentiable, x: Tensor, target: Tensor, *, budget: int = 200) -> Tensor:
    """Segments of the picture, each with the mean of integrated gradients from black and white in what it adds.

    A pixel has the largest of its channels, as in the authors' code. Segments (Felzenszwalb's, at six scales) are taken
    by their mean, the largest first. `budget` is for both baselines;
    the authors take 100 steps for each.
    """
    demand_pictures(x, "xrai")
    demand(budget, 2, "xrai")
    black, white = torch.zeros_like(x), torch.ones_like(x)
    both = [line_integral(model, x, target, end, budget // 2, name="xrai") for end in (black, white)]
    relevance = torch.stack(both).mean(0).amax(1).flatten(1)
    found = [densities(row.cpu(), regions(picture)) for row, picture in zip(relevance, x, strict=True)]
    return torch.stack(found).to(x.device).reshape(len(x), 1, *x.shape[2:])
