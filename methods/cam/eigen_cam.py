"""Eigen-CAM."""

import torch
from torch import Tensor

from ...benchmark import Layered, method
from ._maps import enlarged


@method(paper="arXiv:2008.00299", passes=lambda: (1, 1))
def eigen_cam(model: Layered, x: Tensor, target: Tensor, *, layer: str = "") -> Tensor:
    """A layer's activation along its first right singular vector over the channels, whatever the target.

    The activation is not centred, as in the paper. Of the two signs the map has the one with which its sum is positive;
    values below 0 are those of layers that have such activations.
    """
    activation = model.tap(x, target, layer or None)[0].double()
    places = activation.flatten(2).transpose(1, 2)
    along = places @ torch.linalg.svd(places, full_matrices=False).Vh[:, 0, :, None]
    upright = along.where(along.sum(1, keepdim=True) >= 0, -along)
    return enlarged(upright.reshape(len(x), 1, *activation.shape[2:]), x)
