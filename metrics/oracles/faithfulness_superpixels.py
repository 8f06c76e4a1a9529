"""Proofs of the metric of superpixels."""

from math import nan

import numpy as np
import torch
from skimage.segmentation import slic
from torch import Tensor

from ...benchmark.checks import Case, ask, oracle
from ._maps import judged

COLOURS = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0]]
WORTH = [4.0, 3.0, 2.0, 1.0]
"""The worth of the four quarters of a picture."""
FOUR = {"segments": 4}


def _quarters(values: list[float]) -> Tensor:
    """Return an 8 x 8 map of four quarters, left to right and down."""
    corners = torch.tensor(values, dtype=torch.float64).reshape(2, 2)
    return corners.repeat_interleave(4, 0).repeat_interleave(4, 1)


def _coloured(count: int) -> Tensor:
    """Return pictures of four quarters of one colour each, which superpixels cannot miss."""
    return torch.stack([_quarters(list(shade)) for shade in zip(*COLOURS, strict=True)]).expand(count, -1, -1, -1)


def _worth(x: Tensor) -> Tensor:
    """Add up what the quarters are worth, as far as their pixels are lit."""
    return ((x.amax(1) > 0) * _quarters(WORTH)).sum((1, 2)) / 16


def _row(values: list[float]) -> list[float]:
    return _quarters(values).flatten().tolist()


@oracle("irof")
def irof_of_four_quarters_by_hand() -> Case:
    """Without 4, 3, 2 of 10 the rest is 6, 3, 1 of 10: the area over that is 5/8; in the opposite order 3/8."""
    maps = [_row([4.0, 3.0, 2.0, 1.0]), _row([-1.0, -2.0, -3.0, -4.0]), _row([1.0, 2.0, 3.0, 4.0])]
    best = 1 - (0.5 + 0.6 + 0.3 + 0.1) / 4
    worst = 1 - (0.5 + 0.9 + 0.7 + 0.4) / 4
    return judged(ask(_worth, _coloured(3)), maps, FOUR, irof=[best, best, worst])


@oracle("irof")
def irof_goes_by_mean_relevance_whatever_its_size() -> Case:
    """One pixel of a quarter with all its relevance counts as much as relevance all over it."""
    single = [0.0] * 64
    single[0], single[4], single[32], single[36] = 1.0, 4.0, 2.0, 3.0
    order = [3.0, 1.0, 2.0, 4.0]
    left = [10 - sum(order[:count]) for count in range(5)]
    expected = 1 - sum((left[i] + left[i + 1]) / 2 for i in range(4)) / 40
    maps = [[size * value for value in single] for size in (1e-12, 1.0, 1e12)]
    return judged(ask(_worth, _coloured(3)), maps, FOUR, irof=[expected] * 3)


@oracle("irof")
def irof_of_a_picture_of_one_worth_is_a_half() -> Case:
    """Where every pixel is worth the same, the curve is a straight line over the area, however that is cut."""
    x = torch.rand(3, 3, 12, 9, generator=torch.Generator().manual_seed(81), dtype=torch.float64) + 0.5
    question = ask(lambda x: (x[:, 0] > 0).double().mean((1, 2)), x)
    rising = [float(place) for place in range(108)]
    return judged(question, [[1.0] * 108, [0.0] * 108, rising], {"segments": 10}, irof=[0.5] * 3)


@oracle("irof")
def irof_relative_to_nothing_is_undefined() -> Case:
    """A score that is zero or negative has no share to lose; the sample beside it keeps its own."""
    x = _coloured(3).clone()
    x[0] = -x[0]
    x[1, :, :4] = 0
    question = ask(lambda x: x[:, 0, :4].mean((1, 2)) * 2, x)
    return judged(question, [_row(WORTH)] * 3, FOUR, irof=[nan, nan, 1 - 0.5 / 4])


def _curved(x: Tensor) -> Tensor:
    return (x.square().sum((1, 2, 3)) / 20).tanh() + 0.1 * x[:, 0, 2, 3]


@oracle("irof")
def irof_of_a_curved_model_one_superpixel_at_a_time() -> Case:
    """Three textures, cut into different numbers of superpixels, which go one after the other in plain loops."""
    source = torch.Generator().manual_seed(82)
    x = torch.rand(3, 1, 9, 11, generator=source, dtype=torch.float64)
    x[1] = x[1].round()
    maps = torch.randn(3, 99, generator=source, dtype=torch.float64)
    expected = [_one_by_one(x[i], maps[i], 12) for i in range(3)]
    return judged(ask(_curved, x), maps.tolist(), {"segments": 12}, irof=expected)


def _one_by_one(x: Tensor, relevance: Tensor, segments: int) -> float:
    labels = slic(x.permute(1, 2, 0).numpy(), n_segments=segments, start_label=0, channel_axis=-1)
    members = [np.flatnonzero(labels.flatten() == label) for label in range(labels.max() + 1)]
    left, over, before = x.clone(), 0.0, 0.0
    whole = float(_curved(x[None])[0])
    for own in sorted(members, key=lambda own: -float(relevance[own].mean())):
        left.flatten(1)[:, own] = 0
        lost = 1 - float(_curved(left[None])[0]) / whole
        over += len(own) / x[0].numel() * (before + lost) / 2
        before = lost
    return over
