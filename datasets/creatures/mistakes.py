"""Creatures that a network takes for others: pictures with seeded noise, asked about what they really show."""

from functools import cache, partial

import torch
from torch import Tensor

from ...benchmark import Batch, Gate, Truth, grid_units, task
from .._mistakes import first_where, noisy
from .code import PARTS
from .render import render
from .scenes import sample_scenes
from .tasks import GREY, NEGLIGIBLE, PATCH, POOL, POOL_START, only, owners_of, redraw, seed_in, shapley

NOISE = {"creatures_resnet": 0.22, "creatures_vit": 0.12}
"""The noise's standard deviation: about 30 % of the scenes of `tune` are wrong in it, in steps of 0.02."""


def speckled(ids: tuple[str, ...], x: Tensor) -> Tensor:
    """Add to pictures the noise that their ids tell, and clip them to [0, 1]."""
    sigma = torch.tensor([float(name.split("-")[0].partition("+")[2]) for name in ids])
    return noisy(ids, x, sigma[:, None, None, None], channels=3)


def _drawn(kind: str, split: str, places: Tensor) -> tuple[tuple[str, ...], Tensor, Tensor]:
    """Return the ids, the noisy pictures (N, 3, 64, 64) and the classes (N,) of scenes."""
    first = int(places.min())
    scenes = sample_scenes(int(places.max()) - first + 1, seed_in(split), first)[places - first]
    ids = tuple(f"{kind}-{split}-{place}" for place in places.tolist())
    return ids, speckled(ids, render(scenes)[0]), scenes.label


def _mistaken(gate: Gate, split: str, size: int, sigma: float) -> Batch:
    """Return the first noisy scenes that the network gets wrong, with their true class as target."""
    kind = f"creature+{sigma}"

    def wrong(places: range) -> Tensor:
        _, x, label = _drawn(kind, split, torch.tensor(places))
        return gate.logits(x).argmax(1) != label

    ids, x, label = _drawn(kind, split, first_where(wrong, size, "noisy scenes that the network gets wrong"))
    baseline, again = torch.full_like(x, GREY), partial(redraw, look=speckled)
    return Batch(ids, x, label, grid_units(x, PATCH), baseline, pool=_pool(kind), redraw=again)


@cache
def _pool(kind: str) -> Tensor:
    return _drawn(kind, "tune", torch.arange(POOL_START, POOL_START + POOL))[1]


def resnet_mistakes(gate: Gate, split: str, size: int) -> Batch:
    """Scenes in much noise, with their true class as target, in patches of 8 x 8 pixels."""
    return _mistaken(gate, split, size, NOISE["creatures_resnet"])


def vit_mistakes(gate: Gate, split: str, size: int) -> Batch:
    """Scenes in some noise, with their true class as target, in patches of 8 x 8 pixels."""
    return _mistaken(gate, split, size, NOISE["creatures_vit"])


question = partial(
    task, family="creatures", truth_type="interventional", headline="effect_correlation", knows={"effect"}, fresh=True
)


@question(samples=resnet_mistakes, on=("creatures_resnet",))
@question(samples=vit_mistakes, on=("creatures_vit",))
def creature_mistakes(gate: Gate, batch: Batch) -> Truth:
    """Why is the network not sure of the true class? The exact Shapley values of its parts, drawn in the same noise.

    All zero, so that nothing is asked, on samples where none of them reaches 0.02: there the noise has the say.
    """
    effect = shapley(gate, batch, batch.target, speckled)
    matters = effect.abs().amax(1, keepdim=True) >= NEGLIGIBLE
    return Truth(parts=owners_of(batch, only(*PARTS)), effect=effect.where(matters, 0.0))
