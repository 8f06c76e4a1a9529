"""Effective complexity."""

import torch
from torch import Tensor

from ...benchmark import metric


@metric(better="lower", reads="magnitude", paper="arXiv:2007.07584", passes=lambda: (0, 0))
def effective_complexity(attribution: Tensor, *, epsilon: float = 0.01) -> Tensor:
    """The share of elements whose magnitude is more than `epsilon` times the map's own largest.

    From 1/E, all on one of E elements, to 1; NaN for a zero map. This is the count that libraries give under the name;
    Nguyen and Martínez (2020) count the most relevant elements that suffice for the model's performance, for which see
    `minimal_insertion`.
    """
    if not 0 <= epsilon < 1:
        raise ValueError(f"epsilon is {epsilon}; expected a number from 0, below 1: a share of the largest magnitude")
    magnitude = attribution.abs()
    largest = magnitude.amax(1, keepdim=True)
    return (magnitude > epsilon * largest).double().mean(1).where(largest[:, 0] > 0, torch.nan)
