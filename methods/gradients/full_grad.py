"""FullGrad."""

import torch
from torch import Tensor

from ...benchmark import Refused, WhiteBox, method
from .._pictures import demand_pictures
from ._biases import SHEET, with_sheet

ROUNDING = 1e-4


@method(paper="arXiv:1905.00780", signed=False, passes=lambda: (1, 1))
def full_grad(model: WhiteBox, x: Tensor, target: Tensor) -> Tensor:
    """The size of input times gradient plus that of each bias times its gradient, layer by layer scaled to [0, 1].

    Biases are those of convolutions and batch norms, whose running means count; those of linear layers have no place.
    The input is the network's own, normalised. A network is refused whose logits are not the sum of all these terms.
    """
    demand_pictures(x, "full_grad")
    sheet = x.new_zeros(len(x), SHEET, *x.shape[2:])
    filled = model.changed(with_sheet).gradient(torch.cat([x, sheet], 1), target)[:, -SHEET:]
    drawn, rest, size = filled[:, :1], filled[:, 1, 0, 0].abs(), filled[:, 2, 0, 0]
    if bool((rest > ROUNDING * size).any()):
        raise Refused(
            "full_grad needs a piecewise linear network with biases in convolutions, batch norms and linear layers "
            f"only: of this one, {float((rest / size).nan_to_num().max()):.2%} of the terms are missing"
        )
    return drawn
