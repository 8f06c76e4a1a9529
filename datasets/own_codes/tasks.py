"""Questions about free scenes to networks with a code of their own, answered by drawing the scenes without parts.

The target is what the network itself predicts; scenes that it is not clear about are left out. The readout is the
log-odds, and what is below the resolution of a question counts as no effect.
"""

from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Final, TypeAlias

import torch
from torch import Tensor

from ...benchmark import Batch, Gate, Network, Refused, Truth, areas, grid_units, is_drawn, per_unit, seed_of, task
from .._mistakes import first_where
from ..creatures.code import PARTS
from ..creatures.render import render
from ..creatures.scenes import UNITS, Scenes
from .coalitions import coalition_logits, removals, shapley
from .codes import CLASSES, alikeness
from .scenes import free_scenes
from .training import is_clear

Samples: TypeAlias = Callable[[Gate, str, int], Batch]

NETWORKS: Final = tuple(f"own_code_{kind}_{number}" for kind in ("resnet", "vit") for number in (1, 2, 3, 4))
PAIRS: Final = tuple(f"{name}_and_{int(name[-1]) % 4 + 1}" for name in NETWORKS)
SPLITS: Final = {"tune": 1000, "test": 2000}
SEEDS: Final = {
    (name, split): first + place for split, first in SPLITS.items() for place, name in enumerate((*NETWORKS, *PAIRS))
}
"""Every network, and every pair, has scenes of its own; of the public splits."""
GREY: Final = 0.5
PATCH: Final = 8
POOL, POOL_START = 32, 2**20
"""The number of other scenes to draw from, and the place in `tune` where they begin, far behind those asked about."""
SAME: Final = 0.5
"""From which mean centred cosine of the truths two networks have the same code: of other codes it is 0.2 at most."""
RESOLUTION: Final = {"log_odds": 0.1, "logit": 0.1, "probability": 0.02}
"""By readout, the effect below which a part counts as without influence; a pair's logits are log-odds."""


def own_scenes(gate: Gate, split: str, size: int, *, name: str) -> Batch:
    """Free scenes that the network is clear about, with the class that it predicts as target, in patches of 8 x 8."""

    def clear(places: range) -> Tensor:
        scenes = free_scenes(len(places), seed_in(name, split), places.start)
        return surely(gate, render(scenes)[0])

    places = first_where(clear, size, "free scenes that the network is clear about")
    ids = tuple(f"{name}-{split}-{place}" for place in places.tolist())
    x, _ = render(scenes_of(ids))
    target = gate.logits(x)[:, :CLASSES].argmax(1)
    baseline = torch.full_like(x, GREY)
    return Batch(ids, x, target, grid_units(x, PATCH), baseline, pool=_pool(name), redraw=redraw)


def seed_in(name: str, split: str) -> int:
    """Return the seed of a network's scenes in a split: a drawn one's name stands for it."""
    return seed_of(name, split) if is_drawn(split) else SEEDS[name, split]


def surely(gate: Gate, x: Tensor) -> Tensor:
    """Tell which pictures a network, or both of a pair, are clear about, (N,) bool; a pair gives log-odds."""
    logits = gate.logits(x)
    if logits.shape[1] == CLASSES:
        return is_clear(logits.softmax(1))
    return is_clear(logits[:, :CLASSES].sigmoid()) & is_clear(logits[:, CLASSES:].sigmoid())


@cache
def _pool(name: str) -> Tensor:
    return render(free_scenes(POOL, SEEDS[name, "tune"], POOL_START))[0]


@lru_cache(maxsize=4)
def scenes_of(ids: tuple[str, ...]) -> Scenes:
    """Return the scenes of samples, from their ids."""
    name, split, _ = ids[0].split("-")
    places = [int(each.rpartition("-")[2]) for each in ids]
    return free_scenes(max(places) + 1, seed_in(name, split))[torch.tensor(places)]


@lru_cache(maxsize=4)
def _shown(ids: tuple[str, ...]) -> Tensor:
    """Return the unit that each pixel of the samples shows, (N, E)."""
    return render(scenes_of(ids))[1].flatten(1)


def redraw(ids: tuple[str, ...], kept: Tensor) -> Tensor:
    """Draw scenes again without the units of which at least half of the visible pixels are not `kept` (N, E) bool.

    Ids may repeat. The body stays, and what cannot be seen: there is no pixel of it to hide.
    """
    names = tuple(dict.fromkeys(ids))
    place = {name: row for row, name in enumerate(names)}
    sample = torch.tensor([place[name] for name in ids])
    owners = _shown(names)[sample]
    visible, left = areas(owners, len(UNITS) + 1), per_unit(kept.long(), owners, len(UNITS) + 1)
    keep = (2 * left > visible) | (visible == 0)
    # Many masks come to the same scene, which is drawn once.
    choice = torch.cat([sample[:, None], keep[:, : len(UNITS)].long()], 1)
    different, which = torch.unique(choice, dim=0, return_inverse=True)
    scenes = scenes_of(names)[different[:, 0]]
    return render(scenes, scenes.present & different[:, 1:].bool())[0][which]


@lru_cache(maxsize=8)
def _logits(network: Network, ids: tuple[str, ...]) -> Tensor:
    """Return the logits of every scene drawn with every subset of its parts, (N, 32, K)."""
    return coalition_logits(Gate(network).logits, scenes_of(ids))


def effects(gate: Gate, batch: Batch, target: Tensor) -> Tensor:
    """Return the exact Shapley values (N, 5) of the parts in a target's readout, zero below the resolution."""
    return _resolved(shapley(_logits(gate.network, batch.ids), target, gate.readout), gate.readout)


def _resolved(values: Tensor, readout: str) -> Tensor:
    return values.masked_fill(values.abs() < RESOLUTION[readout], 0.0)


def concepts(gate: Gate, batch: Batch) -> dict[str, Tensor]:
    """Return the effects (N, 5) of the parts on the target by several concepts, zero below the resolution.

    Shapley values in the readout and in probability, and what removing each part alone takes away.
    """
    logits, readout = _logits(gate.network, batch.ids), gate.readout
    return {
        "shapley": effects(gate, batch, batch.target),
        "removal": _resolved(removals(logits, batch.target, readout), readout),
        "probability": _resolved(shapley(logits, batch.target, "probability"), "probability"),
    }


def _parts(batch: Batch) -> Tensor:
    """Return the part that each pixel shows, (N, E); -1 where it shows none."""
    owners = _shown(batch.ids)
    return owners.masked_fill(owners >= len(PARTS), -1)


def _compared(gate: Gate, batch: Batch, rival: Tensor) -> Truth:
    effect, other = (effects(gate, batch, target) for target in (batch.target, rival))
    return Truth(parts=_parts(batch), effect=effect, rival=rival, rival_effect=other)


def own_code_shapley(gate: Gate, batch: Batch) -> Truth:
    """How much does each part count for what this network, with a code of its own, sees? The exact Shapley values."""
    values = concepts(gate, batch)
    return Truth(parts=_parts(batch), effect=values["shapley"], values=values)


def own_code_contrast(gate: Gate, batch: Batch) -> Truth:
    """Why this class, and why rather the network's second choice? Two questions with different true answers."""
    return _compared(gate, batch, gate.logits(batch.x).topk(2).indices[:, 1])


def model_contrast(gate: Gate, batch: Batch) -> Truth:
    """Why does one network say this, and another that, about the same picture? Each has a code of its own."""
    truth = _compared(gate, batch, gate.logits(batch.x)[:, CLASSES:].argmax(1) + CLASSES)
    if truth.effect is not None and truth.rival_effect is not None:
        alike = alikeness(truth.effect, truth.rival_effect)
        if alike > max(SAME, 2 / len(batch) ** 0.5):  # of few samples, by chance
            raise Refused(f"the two networks have the same code: the truths about them correlate {alike:.2f}")
    return truth


def _scenes(name: str) -> Samples:
    """Return the samples of a network, or a pair, under a name of their own."""
    samples = partial(own_scenes, name=name)

    def scenes(gate: Gate, split: str, size: int) -> Batch:
        return samples(gate, split, size)

    scenes.__name__ = f"scenes_of_{name}"
    return scenes


question = partial(task, family="own_codes", truth_type="interventional", fresh=True)

for each in NETWORKS:
    own = partial(question, samples=_scenes(each), on=(each,), readout="log_odds")
    own(headline="centred_cosine", knows={"effect", "values"})(own_code_shapley)
    own(headline="centred_contrast", knows={"effect", "rival"})(own_code_contrast)

for each in PAIRS:
    pair = partial(question, samples=_scenes(each), on=(each,), readout="logit")
    pair(headline="centred_contrast", knows={"effect", "rival"})(model_contrast)
