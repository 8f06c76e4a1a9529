"""Proofs of the performance information curves."""

from io import BytesIO
from math import exp, nan

import numpy as np
import torch
from PIL import Image, features
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ...benchmark.checks import Case, Question, ask, oracle
from ._maps import judged

PERCENT = (1, 2, 3, 5, 7, 10, 13, 21, 34, 50, 75)


def _bytes(picture: np.ndarray) -> int:
    """Return the compressed size of a picture (C, H, W) in [0, 1]."""
    shades = np.clip(np.round(255 * picture), 0, 255).astype(np.uint8)
    image = Image.fromarray(shades[0] if len(shades) == 1 else np.moveaxis(shades, 0, 2))
    file = BytesIO()
    image.save(file, "webp" if features.check("webp") else "png", lossless=True)
    return len(file.getvalue())


def _curves(question: Question, maps: Tensor) -> tuple[list[float], list[float]]:
    """Reveal one share after the other, and add up the trapezoids of both curves."""
    found = [_areas(question, i, maps[i]) for i in range(len(maps))]
    return [sic for sic, _ in found], [aic for _, aic in found]


def _areas(question: Question, i: int, relevance: Tensor) -> tuple[float, float]:
    x = question.batch.x[i].numpy()
    side = min(x.shape[1:])
    blurred = np.stack([gaussian_filter(channel, side / 11) for channel in x])
    order = relevance.argsort(descending=True).tolist()
    pictures = [blurred]
    for percent in PERCENT:
        shown, count = blurred.copy(), -(-len(order) * percent // 100)
        for place in order[:count]:
            shown.reshape(len(x), -1)[:, place] = x.reshape(len(x), -1)[:, place]
        pictures.append(shown)
    pictures.append(x)
    logits = question.gate.module(torch.from_numpy(np.stack(pictures))).tolist()
    chances = [exp(row[0]) / sum(exp(value) for value in row) for row in logits]
    sizes = [_bytes(picture) for picture in pictures]
    way = [min(1.0, max(0.0, (size - sizes[0]) / (sizes[-1] - sizes[0]))) for size in sizes]
    way = [max(way[: step + 1]) for step in range(len(way))]
    ratios = [min(1.0, chance / chances[-1]) for chance in chances]
    predicted = [float(row[0] > max(row[1:])) for row in logits]
    sic, aic = (
        sum((way[s + 1] - way[s]) * (curve[s] + curve[s + 1]) / 2 for s in range(len(way) - 1))
        for curve in (ratios, predicted)
    )
    return (
        sic if chances[0] < chances[-1] else nan,
        aic if predicted[-1] and not predicted[0] else nan,
    )


def _textured(channels: int, seed: int) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.rand(4, channels, 14, 18, generator=source, dtype=torch.float64)


def _sharp(x: Tensor) -> Tensor:
    """Ask how sharp the upper left corner is: of three logits the first needs edges there, and wins below one half."""
    corner = x[:, 0, :7, :9]
    edges = (corner.diff(dim=2).abs().mean((1, 2)) + corner.diff(dim=1).abs().mean((1, 2))) * 12
    return torch.stack([edges, torch.full_like(edges, 3.0), 2 + x.mean((1, 2, 3))], 1)


def _revealed(channels: int, seed: int) -> Case:
    """Judge maps from the sharp corner to its opposite."""
    question = ask(_sharp, _textured(channels, seed))
    corner = torch.zeros(14, 18, dtype=torch.float64)
    corner[:7, :9] = 1
    noise = torch.rand(4, 252, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
    maps = noise + torch.tensor([3.0, 1.0, 0.0, -1.0], dtype=torch.float64)[:, None] * corner.flatten()
    sic, aic = _curves(question, maps)
    return judged(question, maps.tolist(), sic=sic, aic=aic)


@oracle("information_curves")
def information_of_grey_pictures_one_share_at_a_time() -> Case:
    """A model that needs a sharp corner, and maps from that corner to its opposite: every picture saved by itself."""
    return _revealed(1, 83)


@oracle("information_curves")
def information_of_coloured_pictures_one_share_at_a_time() -> Case:
    """The same with three channels, which are revealed together."""
    return _revealed(3, 85)


@oracle("information_curves")
def information_of_pictures_of_one_colour_is_undefined() -> Case:
    """Blurring takes nothing away, so there is no way from blurred to whole."""
    x = torch.full((2, 3, 14, 18), 0.25, dtype=torch.float64)
    return judged(ask(_sharp, x), [[1.0] * 252, [0.0] * 252], sic=[nan] * 2, aic=[nan] * 2)


def _sharper(x: Tensor) -> Tensor:
    """Ask how much sharper the upper left corner is than the rest."""
    corner = _sharp(x)
    return torch.cat([corner[:, :1] - _sharp(x.flip(2, 3))[:, :1] / 2, corner[:, 1:]], 1)


@oracle("information_curves")
def information_of_few_shades_overshoots() -> Case:
    """A file is largest before all of 40 shades are in, a corner sharpest beside what is blurred: both count as 1."""
    question = ask(_sharper, (_textured(3, 93) * 39).round() / 39)
    corner = torch.zeros(14, 18, dtype=torch.float64)
    corner[:7, :9] = 1
    noise = torch.rand(4, 252, generator=torch.Generator().manual_seed(94), dtype=torch.float64)
    maps = noise + torch.tensor([3.0, 0.2, 0.0, 0.0], dtype=torch.float64)[:, None] * corner.flatten()
    sic, aic = _curves(question, maps)
    return judged(question, maps.tolist(), sic=sic, aic=aic)


@oracle("information_curves")
def information_that_blurring_adds_is_undefined() -> Case:
    """Two areas of one colour each are a small file, and their blurred edge, which is less to go by, a larger one."""
    x = torch.zeros(1, 3, 14, 18, dtype=torch.float64)
    x[..., 5:] = 1
    return judged(ask(_sharp, x), [[1.0] * 252], sic=[nan], aic=[nan])


@oracle("information_curves")
def information_that_blurring_does_not_take_is_undefined() -> Case:
    """A model that asks for the mean, or for blur, has its prediction, or its probability, from the start."""
    x = _textured(3, 87)
    flat = [float(place) for place in range(252)]

    def calm(x: Tensor) -> Tensor:
        edges = x.diff(dim=3).abs().mean((1, 2, 3))
        return torch.stack([3 - edges, edges], 1)

    return judged(ask(calm, x), [flat] * 4, sic=[nan] * 4, aic=[nan] * 4)


@oracle("information_curves")
def information_about_what_is_not_predicted_has_no_accuracy() -> Case:
    """The target is never the prediction: its probability still has a curve, its accuracy none."""

    def beaten(x: Tensor) -> Tensor:
        logits = _sharp(x)
        return torch.stack([logits[:, 0], logits[:, 0] + 1, logits[:, 1]], 1)

    question = ask(beaten, _textured(1, 89))
    maps = torch.arange(252.0, dtype=torch.float64).expand(4, -1)
    sic, _ = _curves(question, maps)
    return judged(question, maps.tolist(), sic=sic, aic=[nan] * 4)


def _whole(x: Tensor) -> Tensor:
    """Ask whether the first pixel of a picture is as dark as it was."""
    return 8.0 * (x[:, 0, 0, 0] == 0) - 4


@oracle("information_curves")
def information_that_one_pixel_gives_is_paid_once() -> Case:
    """A model that needs one black pixel: first in the order, its price is that of the first share; last, all."""
    x = _textured(1, 91)[:2].clone()
    x[:, 0, 0, 0] = 0
    maps = torch.arange(252.0, dtype=torch.float64).flip(0).expand(2, -1).clone()
    maps[1] = -maps[1]
    question = ask(_whole, x)
    sic, aic = _curves(question, maps)
    return judged(question, maps.tolist(), sic=sic, aic=aic)
