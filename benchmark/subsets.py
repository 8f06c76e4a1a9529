"""Scores of an input with only some of its units left, for many choices of units."""

import torch
from torch import Tensor

from .capabilities import BlackBox
from .gate import NUMBERS
from .units import at_elements, impute


def subset_scores(model: BlackBox, x: Tensor, target: Tensor, baseline: Tensor, units: Tensor, kept: Tensor) -> Tensor:
    """Return the target score (N, M) of each input with only the `kept` units (N, M, U) bool, the rest imputed.

    Small inputs share a pass; of pictures, each choice makes a pass of its own.
    """
    count = kept.shape[1]
    together = max(1, NUMBERS // max(x.numel(), 1))
    parts = []
    for start in range(0, count, together):
        chosen = kept[:, start : start + together]
        times = chosen.shape[1]
        inputs, absent, labels, asked = (_repeated(each, times) for each in (x, baseline, units, target))
        mask = at_elements(chosen.flatten(0, 1), labels)
        parts.append(model.score(impute(inputs, absent, mask), asked).reshape(len(x), times))
    return torch.cat(parts, 1) if parts else x.new_zeros(len(x), 0)


def _repeated(values: Tensor, times: int) -> Tensor:
    return values if times == 1 else values.repeat_interleave(times, 0)
