"""From a layer's weighted channels to a map of the picture."""

from torch import Tensor
from torch.nn.functional import interpolate

from .._budget import demand


def enlarged(coarse: Tensor, x: Tensor) -> Tensor:
    """Return maps (N, M, h, w) at the size of the pictures `x`, with straight lines between the centres of places."""
    return interpolate(coarse, size=x.shape[2:], mode="bilinear", align_corners=False)


def rectified(weighted: Tensor, x: Tensor) -> Tensor:
    """Return the sum of weighted channels (N, C, h, w) where it is positive, at the size of the pictures `x`."""
    return enlarged(weighted.sum(1, keepdim=True).relu(), x)


def share(part: Tensor, whole: Tensor) -> Tensor:
    """Return a part divided by the whole; 0 where the whole is 0."""
    return (part / whole.where(whole != 0, 1)).where(whole != 0, 0)


def strongest(activation: Tensor, budget: int, spent: int, name: str) -> Tensor:
    """Return the channels (N, M) of the largest mean that a budget buys, a pass each, beside what is spent; 0: all."""
    if budget:
        demand(budget, spent + 1, name)
    order = activation.double().mean((2, 3)).argsort(dim=1, descending=True, stable=True)
    return order[:, : budget - spent] if budget else order
