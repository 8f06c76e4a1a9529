"""The truth itself."""

import torch
from torch import Tensor

from ...benchmark import Refused, Truth, method, spread


@method(role="control", passes=lambda: (0, 0))
def oracle(target: Tensor, truth: Truth) -> Tensor:
    """The known answer: true effects where there are any, else the units that the answer rests on."""
    if truth.effect is not None:
        effect = truth.effect
        if truth.rival is not None and truth.rival_effect is not None:
            effect = torch.where((target == truth.rival)[:, None], truth.rival_effect, effect)
        return spread(effect, truth.parts)
    if truth.relevant is None:
        raise Refused("the truth of this task is not a map")
    return spread(truth.relevant.double(), truth.parts)
