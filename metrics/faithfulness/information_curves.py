"""Performance information curves."""

from io import BytesIO

import torch
from PIL import Image, features
from torch import Tensor

from ...benchmark import BlackBox, Refused, Rng, area, descending, impute, imputers, metric, read_out

PERCENT = (1, 2, 3, 5, 7, 10, 13, 21, 34, 50, 75)
"""The shares of pixels that are revealed, between none and all."""
CODEC = "webp" if features.check("webp") else "png"
"""The lossless codec that measures information."""


@metric(
    better={"sic": "higher", "aic": "higher"},
    paper="arXiv:1906.02825",
    passes=lambda: (len(PERCENT) + 2, 0),
)
def information_curves(
    model: BlackBox, x: Tensor, target: Tensor, attribution: Tensor, rng: Rng, *, blur: float = 1 / 11
) -> dict[str, Tensor]:
    """SIC and AIC: how little information the model needs when the most relevant pixels come into focus first.

    The areas under curves from the blurred picture to the whole one, over its information: the compressed size, as a
    share of the way between the two, at least what it was before (Kapishnikov et al. 2019). It is a
    proxy that depends on the codec: lossless WebP, or PNG where Pillow has none. The blur is that of the imputer, and
    so wide a share of the shorter side. Ordinates are taken as they are, not their running maximum.

    - `sic`: of the target's probability as a share of that for the whole picture, at most 1; NaN where the blurred
      picture has no less.
    - `aic`: of whether the target is the prediction; NaN where it is not for the whole picture, or is for the blurred.

    NaN where blurring takes no information away.
    """
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        raise Refused("needs pictures with 1 or 3 channels (N, C, H, W): others cannot be compressed as pictures")
    pictures = _revealed(x, attribution, rng, blur)
    logits = model.logits(pictures.flatten(0, 1))
    asked = target.repeat_interleave(pictures.shape[1])
    probability, margin = (read_out(logits, asked, how).reshape(len(x), -1) for how in ("probability", "margin"))
    information = _information(pictures, x)
    shares, predicted = (probability / probability[:, -1:]).clamp(max=1), (margin > 0).double()
    return {
        "sic": _below(information, shares),
        "aic": _below(information, predicted),
        "information": information,
        "probability_curve": shares,
        "prediction_curve": predicted,
    }


def _revealed(x: Tensor, attribution: Tensor, rng: Rng, blur: float) -> Tensor:
    """Return each picture from blurred to whole, (N, S, C, H, W)."""
    blurred: Tensor = imputers["blur"].function(x, share=blur)
    place = descending(attribution, rng).argsort(1)
    counts = [-(-place.shape[1] * percent // 100) for percent in PERCENT]
    return torch.stack([blurred, *(impute(x, blurred, place < count) for count in counts), x], 1)


def _information(pictures: Tensor, x: Tensor) -> Tensor:
    """Return the information of pictures (N, S, C, H, W): 0 in the first, 1 in the last, never falling."""
    low, high = (edge[:, None, None, None, None] for edge in (x.flatten(1).amin(1), x.flatten(1).amax(1)))
    low, high = low.clamp(max=0), high.clamp(min=1)
    shades = (255 * (pictures - low) / (high - low)).round().clamp(0, 255).to(torch.uint8)
    size = torch.tensor([[_bytes(picture) for picture in row] for row in shades], dtype=torch.float64)
    gain = size[:, -1:] - size[:, :1]
    return ((size - size[:, :1]) / gain.where(gain > 0, torch.nan)).clamp(0, 1).cummax(1).values


def _bytes(picture: Tensor) -> int:
    """Return the compressed size of a picture (C, H, W) of bytes."""
    file = BytesIO()
    Image.fromarray(picture.permute(1, 2, 0).squeeze(2).numpy()).save(file, CODEC, lossless=True)
    return file.tell()


def _below(information: Tensor, curve: Tensor) -> Tensor:
    """Return the area below a curve, NaN where its first point is not below the last."""
    return area(information, curve.where(curve[:, :1] < curve[:, -1:], torch.nan))
