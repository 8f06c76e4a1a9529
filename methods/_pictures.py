"""A check of methods that explain only pictures."""

from torch import Tensor

from ..benchmark import Refused


def demand_pictures(x: Tensor, name: str) -> None:
    """Refuse what is no picture (N, C, H, W)."""
    if x.ndim != 4:
        raise Refused(f"{name} needs pictures (N, C, H, W), x has shape {tuple(x.shape)}")
