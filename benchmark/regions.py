"""Regions: what a part takes for units where it is told to cut its inputs otherwise than the task does."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

import torch
from torch import Tensor

from .errors import Refused, UnknownName
from .randomness import streams
from .ranking import descending
from .registry import TRUTH_WORDS, Divider, Method, dividers, methods
from .units import areas, at_elements, per_unit, unit_count

TOGETHER = 4
"""The number of units that a method's map puts into one group unless it is told (SMDL-Attribution on birds)."""
SMALLEST = 5e-4
"""Masks of at most this share of a picture are dropped (SMDL-Attribution)."""


@dataclass(frozen=True, slots=True)
class Regions:
    """A way of cutting inputs, or a method whose map ranks their units, and into how many."""

    how: Divider | Method
    pieces: int = 0
    """0: as many as the divider says, or a group for every four units."""

    @property
    def prior(self) -> Method | None:
        """The method whose map tells which units go together; None where a divider cuts."""
        return self.how if isinstance(self.how, Method) else None

    def count(self, units: int) -> int:
        """Return how many regions are meant to come of so many units."""
        if self.prior:
            return self.pieces or max(1, units // TOGETHER)
        pieces = self.pieces or self.how.settings.get("pieces", units)
        return int(str(pieces))

    def cut(self, x: Tensor) -> Tensor:
        """Return the regions (N, E) of inputs that a divider cuts."""
        labels: Tensor = self.how.function(x, **({"pieces": self.pieces} if self.pieces else {}))
        return labels

    def grouped(self, ids: Iterable[str], values: Tensor, units: Tensor) -> Tensor:
        """Return groups (N, E) of units by a map (N, E): the most relevant per area together, and so on.

        Groups are of equal size, or differ by one; as in the prior-saliency regions of SMDL-Attribution, they need not
        be connected. There, units that are left over are dropped.
        """
        units_of, pieces = unit_count(units), self.count(unit_count(units))
        if pieces > units_of:
            raise Refused(f"{units_of} units cannot be put into {pieces} groups: ask for fewer, or for smaller units")
        density = per_unit(values, units) / areas(units)
        place = descending(density, streams(tuple(ids), "ties")).argsort(1)
        return torch.where(units < 0, -1, at_elements(place * pieces // units_of, units))


def read_regions(words: str) -> Regions:
    """Return the regions that are written as `divider`, `divider:pieces` or `method:groups`."""
    name, _, number = words.rpartition(":") if ":" in words else (words, "", "")
    if number and not (number.isdigit() and int(number) > 0):
        raise ValueError(f"regions={words}: {number!r} is no number of regions: write, for instance, slico:50")
    how = _found(name)
    if number and isinstance(how, Divider) and "pieces" not in how.settings:
        raise ValueError(f"regions={words}: {name} takes no number")
    return Regions(how, int(number or 0))


def _found(name: str) -> Divider | Method:
    if name in dividers:
        return dividers[name]
    if name.partition("[")[0] not in methods:
        close = get_close_matches(name, [*dividers, *methods], n=3, cutoff=0.5)
        advice = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(dividers)}, or any method"
        raise UnknownName(f"unknown regions {name!r}: {advice}")
    prior = methods[name]
    if not TRUTH_WORDS.isdisjoint(prior.needs):
        raise ValueError(f"{name} sees the truth, which no other method may: choose another one to cut regions by")
    return prior


def divide(x: Tensor, how: str = "slico", pieces: int = 0) -> Tensor:
    """Cut each input into regions of its own: labels (N, E), to be given as `units`.

    `how` is one of `heatproof list dividers`, `pieces` about how many regions (0: the divider's own number). Pictures
    may differ in their number of regions; whoever explains or scores them goes by that number.
    """
    if how not in dividers:
        raise UnknownName(f"unknown divider {how!r}: known: {', '.join(dividers)}")
    return read_regions(f"{how}:{pieces}" if pieces else how).cut(x)


def mask_units(masks: Tensor) -> Tensor:
    """Return one region per mask, from masks (M, H, W) bool of one picture as a segmenter gives them: labels (H * W).

    Where two masks overlap, the one that the overlap is the larger part of keeps it, pair by pair; masks of at most
    0.05 % of the picture are dropped, and what no mask covers is one more region (SMDL-Attribution, for Segment
    Anything). Stack the labels of several pictures for `units`.
    """
    if masks.ndim != 3 or masks.dtype != torch.bool:
        given = f"{masks.dtype} of shape {tuple(masks.shape)}"
        raise ValueError(f"masks are {given}; expected torch.bool (M, H, W), the masks of one picture")
    own = masks.flatten(1).clone()
    for second in range(1, len(own)):
        for first in range(second):
            overlap = own[first] & own[second]
            sizes = own[first].sum(), own[second].sum()
            own[second if sizes[0] <= sizes[1] else first] &= ~overlap
    own = own[own.sum(1) > SMALLEST * own.shape[1]]
    covered = own.any(0)
    labels = torch.where(covered, own.long().argmax(0) if len(own) else 0, len(own))
    numbered: Tensor = torch.unique(labels, return_inverse=True)[1]
    return numbered
