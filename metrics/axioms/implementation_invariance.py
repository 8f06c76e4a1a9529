"""Implementation invariance."""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

from ...benchmark import Refused, WhiteBox, metric
from ._networks import demand_equal, distance, rebuilt


@metric(better="lower", paper="arXiv:1703.01365", passes=lambda: (2, 0))
def implementation_invariance(
    model: WhiteBox, x: Tensor, attribution: Tensor, explain: Callable[..., Tensor]
) -> Tensor:
    """The distance between the explanations of two networks that compute the same function in different ways.

    In a copy of the network each ReLU becomes (z + |z|) / 2, and each linear layer and each convolution the sum of two
    layers with half of its weights; refused where there are none, or where the logits differ by more than rounding.
    The distance is relative to the sum of the maps' sizes, from 0, invariant (Sundararajan et al. 2017), to 1. NaN
    where both maps are zero.
    """
    other = model.changed(rebuilt(_written_otherwise))
    demand_equal(model, x, other, x)
    return distance(attribution, explain(model=other))


class Positive(nn.Module):
    """A ReLU without one: the mean of a number and its magnitude."""

    def forward(self, z: Tensor) -> Tensor:
        """Return the positive part."""
        return (z + z.abs()) / 2


class Halves(nn.Module):
    """A linear layer, or a convolution, as the sum of two with half of its weights."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.first, self.second = deepcopy(layer), deepcopy(layer)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.div_(2)

    @property
    def weight(self) -> Tensor:
        """The weights of the whole, for networks that read them."""
        return self.first.get_parameter("weight") + self.second.get_parameter("weight")

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of both."""
        answer: Tensor = self.first(x) + self.second(x)
        return answer


def _written_otherwise(module: nn.Module) -> nn.Module:
    whole = nn.Sequential(module)
    if not _rewrite(whole):
        raise Refused("the network has no ReLU, linear layer or convolution to write otherwise")
    return whole[0]


def _rewrite(module: nn.Module) -> bool:
    """Replace the layers inside a module, each once; return whether there were any."""
    found = False
    for name, part in list(module.named_children()):
        if type(part) is nn.ReLU:
            setattr(module, name, Positive())
        elif type(part) in (nn.Linear, nn.Conv2d):
            setattr(module, name, Halves(part))
        else:
            found |= _rewrite(part)
            continue
        found = True
    return found
