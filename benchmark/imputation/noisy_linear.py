"""Noisy linear imputation."""

import torch
from torch import Tensor

from ..randomness import Rng
from ..registry import imputer
from ..units import like_input
from ._harmonic import harmonic
from ._pictures import demand_pictures, known


@imputer(paper="arXiv:2202.00449")
def noisy_linear(x: Tensor, kept: Tensor, rng: Rng, *, noise: float = 0.01) -> Tensor:
    """The weighted mean of the eight neighbours, solved for all hidden pixels together, and a little noise (ROAD).

    Direct neighbours weigh 1/6, diagonal ones 1/12; at the border, the weights that are left count as all. The noise is
    normal, of standard deviation `noise`, and not clipped to [0, 1]. Where nothing is kept, the picture's mean colour
    stands in for the solution. Weights and noise are those of Rong et al. (2022).
    """
    demand_pictures(x, "neighbouring pixels")
    if not noise >= 0:
        raise ValueError(f"noise is {noise}: give a standard deviation, 0 for none")
    noisy = harmonic(*known(x, kept)) + noise * rng.normal(*x.shape[1:]).double()
    return torch.where(like_input(kept, x), x, noisy.to(x.dtype))
