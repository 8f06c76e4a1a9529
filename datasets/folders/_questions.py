"""Questions about pictures that the user has: those that the network predicts right, and those that it does not.

A picture's shorter side is brought to the network's size over its crop, and the middle is cut out. Pictures are met in
a random order that is always the same, and are decoded and predicted in portions until enough of them are found.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...benchmark import Batch, Gate, Network, Refused, grid_units, task
from ._folder import Folder, Listing, Picture

PATCH: Final = 16
POOL: Final = 8
"""The number of pictures of `tune` to draw from; nothing is asked about them."""
PORTION: Final = 64
"""The most pictures that are decoded and predicted at once."""


@dataclass(frozen=True, slots=True)
class View:
    """A network's view of a picture: its middle, in `size` x `size` pixels, `crop` of the shorter side."""

    size: int
    crop: float

    @classmethod
    def of(cls, network: Network) -> "View":
        """Return what a network was made for, as timm writes it down."""
        config = getattr(network.module, "pretrained_cfg", None)
        if not isinstance(config, dict):
            raise Refused("the network does not say the size of its pictures: only those with a timm configuration do")
        return cls(config["input_size"][-1], config["crop_pct"])


@dataclass(eq=False)
class Search:
    """The predictions of a split's pictures so far: which were right and which wrong."""

    listing: Listing
    split: str
    right: list[Picture] = field(default_factory=list)
    wrong: list[Picture] = field(default_factory=list)
    met: int = 0

    def first(self, gate: Gate, count: int, right: bool) -> list[Picture]:
        """Return the first pictures that are predicted right, or those that are not."""
        found, order = (self.right if right else self.wrong), asked(self.listing, self.split)
        while len(found) < count and self.met < len(order):
            self._meet(gate, order[self.met :][: min(PORTION, max(count - len(found), POOL))])
        if len(found) < count:
            raise Refused(
                f"{count} samples are asked for, but of the {len(order)} pictures of {self.listing.title} for "
                f"{self.split!r} the network predicts {len(found)} {'right' if right else 'wrong'}: ask for fewer"
            )
        return found[:count]

    def _meet(self, gate: Gate, portion: Sequence[Picture]) -> None:
        logits = gate.logits(decoded(portion, View.of(gate.network)))
        if logits.shape[1] != self.listing.classes:
            raise Refused(
                f"{self.listing.title} has {self.listing.classes} classes here, the network {logits.shape[1]}: "
                "their numbers mean the same only where both have all of them"
            )
        for picture, predicted in zip(portion, logits.argmax(1).tolist(), strict=True):
            (self.right if predicted == picture.label else self.wrong).append(picture)
        self.met += len(portion)


@lru_cache(maxsize=8)
def search(network: Network, listing: Listing, split: str) -> Search:
    """Return how far a network has got on a split: all questions go on from there."""
    return Search(listing, split)


def asked(listing: Listing, split: str) -> tuple[Picture, ...]:
    """Return the pictures of a split in their order, without those of the pool."""
    return listing.orders[split][POOL if split == "tune" else 0 :]


@lru_cache(maxsize=2)
def pool(listing: Listing, view: View) -> Tensor | None:
    """Return the first pictures of `tune`; None where there are none."""
    chosen = listing.orders["tune"][:POOL]
    return decoded(chosen, view) if chosen else None


def decoded(pictures: Sequence[Picture], view: View) -> Tensor:
    """Return pictures (N, 3, H, W) in [0, 1]."""
    return torch.stack([_decoded(picture.file, view) for picture in pictures])


def _decoded(file: Path, view: View) -> Tensor:
    try:
        with Image.open(file) as opened:
            picture = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = str(error).replace(f" {str(file)!r}", "")
        raise Refused(f"{file} cannot be read as a picture ({reason}): replace it") from error
    wanted = view.size / view.crop / min(picture.size)
    width, height = (max(round(side * wanted), view.size) for side in picture.size)
    left, top = (width - view.size) // 2, (height - view.size) // 2
    resized = picture.resize((width, height), Image.Resampling.BICUBIC)
    middle = resized.crop((left, top, left + view.size, top + view.size))
    return torch.from_numpy(np.asarray(middle).copy()).permute(2, 0, 1).float() / 255


def question(folder: Folder, on: tuple[str, ...], right: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a question without a known answer, about pictures that are predicted right, or wrong.

    The target is the true class. Patches of 16 x 16 pixels are the units, black is what stands for nothing.
    """

    def samples(gate: Gate, split: str, size: int) -> Batch:
        listing, view = folder.listing(), View.of(gate.network)
        chosen = search(gate.network, listing, split).first(gate, size, right)
        x = decoded(chosen, view)
        target = torch.tensor([picture.label for picture in chosen])
        ids = tuple(picture.id for picture in chosen)
        return Batch(ids, x, target, grid_units(x, PATCH), torch.zeros_like(x), pool=pool(listing, view))

    samples.__name__ = f"{folder.name}_{'right' if right else 'wrong'}"
    return task(
        samples=samples,
        on=on,
        family=folder.name.lower(),
        truth_type="none",
        headline="",
        knows=set(),
        files=folder.state,
    )
