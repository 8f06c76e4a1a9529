"""Questions about creatures whose answers come from drawing the same scene again without a unit."""

from functools import cache, lru_cache, partial

import torch
from torch import Tensor

from ...benchmark import Batch, Gate, Network, Truth, areas, grid_units, is_drawn, per_unit, read_out, seed_of, task
from .._mistakes import Look, clean
from .._shapley import coalitions, exact_shapley
from .code import CODE, PARTS
from .render import render
from .scenes import UNITS, Scenes, sample_scenes

SEEDS = {"tune": 101, "test": 102}
"""Apart from the seeds that the networks are trained on."""
GREY = 0.5
PATCH = 8
POOL, POOL_START = 32, 2**20
"""The number of other scenes to draw from, and the place of the first in `tune`, far behind those asked about."""
NEGLIGIBLE = 0.02
"""The effect below which a unit counts as without influence."""
NETWORKS = ("creatures_resnet", "creatures_vit")


def seed_in(split: str) -> int:
    """Return the seed of a split: a drawn one's name stands for it."""
    return seed_of("creatures", split) if is_drawn(split) else SEEDS[split]


def creature_scenes(gate: Gate, split: str, size: int) -> Batch:
    """Whole scenes, with the class that the network predicts as target, in patches of 8 x 8 pixels."""
    scenes = sample_scenes(size, seed_in(split))
    x, _ = render(scenes)
    ids = tuple(f"creature-{split}-{i}" for i in range(size))
    baseline = torch.full_like(x, GREY)
    return Batch(ids, x, gate.logits(x).argmax(1), grid_units(x, PATCH), baseline, pool=_pool(), redraw=redraw)


@cache
def _pool() -> Tensor:
    return render(sample_scenes(POOL, SEEDS["tune"], POOL_START))[0]


@lru_cache(maxsize=4)
def scenes_of(ids: tuple[str, ...]) -> Scenes:
    """Return the scenes of samples, from their ids."""
    places = [int(name.rpartition("-")[2]) for name in ids]
    return sample_scenes(max(places) + 1, seed_in(ids[0].split("-")[1]))[torch.tensor(places)]


@lru_cache(maxsize=4)
def _shown(ids: tuple[str, ...]) -> Tensor:
    """Return the unit that each pixel of the samples shows, (N, E)."""
    return render(scenes_of(ids))[1].flatten(1)


def redraw(ids: tuple[str, ...], kept: Tensor, look: Look = clean) -> Tensor:
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
    drawn = render(scenes, scenes.present & different[:, 1:].bool())[0]
    return look(tuple(names[row] for row in different[:, 0].tolist()), drawn)[which]


@lru_cache(maxsize=2)
def _pictures(ids: tuple[str, ...], kept: tuple[tuple[bool, ...], ...], look: Look) -> Tensor:
    """Draw scenes with only some units, for every choice of units: (choices * N, 3, 64, 64)."""
    scenes = scenes_of(ids)
    return torch.cat([look(ids, render(scenes, scenes.present & torch.tensor(choice))[0]) for choice in kept])


@lru_cache(maxsize=8)
def _logits(network: Network, ids: tuple[str, ...], kept: tuple[tuple[bool, ...], ...], look: Look) -> Tensor:
    """Return the logits of every scene drawn with every choice of units, (N, choices, K)."""
    logits = Gate(network).logits(_pictures(ids, kept, look))
    return logits.reshape(len(kept), len(ids), -1).transpose(0, 1)


def _readouts(gate: Gate, batch: Batch, kept: Tensor, target: Tensor, look: Look) -> Tensor:
    """Return the readout of every scene drawn with every choice (choices, U) of units: (N, choices)."""
    logits = _logits(gate.network, batch.ids, tuple(map(tuple, kept.tolist())), look)
    flat = read_out(logits.flatten(0, 1), target.repeat_interleave(len(kept)), gate.readout)
    return flat.reshape(len(batch), len(kept)).double()


def shapley(gate: Gate, batch: Batch, target: Tensor, look: Look = clean) -> Tensor:
    """Return the exact Shapley values (N, 5) of the creature's parts: all 32 scenes are drawn."""
    parts = coalitions(len(PARTS))
    rest = torch.ones(len(parts), len(UNITS) - len(PARTS), dtype=torch.bool)
    return exact_shapley(_readouts(gate, batch, torch.cat([parts, rest], 1), target, look))


def _removals(gate: Gate, batch: Batch, target: Tensor) -> Tensor:
    """Return what drawing the scene without one unit takes from the target's score, (N, U)."""
    whole = torch.ones(1, len(UNITS), dtype=torch.bool)
    kept = torch.cat([whole, ~torch.eye(len(UNITS), dtype=torch.bool)])
    scores = _readouts(gate, batch, kept, target, clean)
    return scores[:, :1] - scores[:, 1:]


def owners_of(batch: Batch, asked: Tensor) -> Tensor:
    """Return the unit that each pixel shows, (N, E); -1 where it is none of those `asked` (U,) about."""
    owners = _shown(batch.ids)
    return torch.where(torch.cat([asked, asked.new_zeros(1)])[owners], owners, -1)


def only(*names: str) -> Tensor:
    """Tell which of the units have one of these names, or are of that kind, (U,) bool."""
    return torch.tensor([unit in names or unit.partition("_")[0] in names for unit in UNITS])


def _no_effect(gate: Gate, batch: Batch, idle: Tensor) -> Truth:
    """Return where the parts are and where `idle` units are; nothing on samples where removing one has an effect."""
    verified = (_removals(gate, batch, batch.target)[:, idle].abs() < NEGLIGIBLE).all(1, keepdim=True)
    parts = only(*PARTS)
    return Truth(
        parts=owners_of(batch, parts | idle),
        relevant=parts & verified,
        impossible=idle & verified,
    )


def _rival(target: Tensor) -> Tensor:
    """Return the first of the classes that share most parts with the target."""
    alike = (CODE[target][:, None] == CODE).sum(2)
    return alike.scatter(1, target[:, None], -1).argmax(1)


question = partial(
    task, samples=creature_scenes, on=NETWORKS, family="creatures", truth_type="interventional", fresh=True
)


@question(headline="effect_correlation", knows={"effect"})
def part_shapley(gate: Gate, batch: Batch) -> Truth:
    """How much does each part of the creature count? The exact Shapley values over all drawn subsets of parts."""
    return Truth(parts=owners_of(batch, only(*PARTS)), effect=shapley(gate, batch, batch.target))


@question(headline="effect_cosine", knows={"effect"})
def single_deletion(gate: Gate, batch: Batch) -> Truth:
    """How much is lost without one part, distractor or the background? The scene is drawn again without it."""
    return Truth(parts=owners_of(batch, only(*UNITS)), effect=_removals(gate, batch, batch.target))


@question(headline="relevance_mass", knows={"relevant", "impossible"})
def distractors(gate: Gate, batch: Batch) -> Truth:
    """Is relevance on the creature rather than on things beside it, whose removal is verified to change nothing?"""
    return _no_effect(gate, batch, only("distractor"))


@question(headline="relevance_mass", knows={"relevant", "impossible"})
def background(gate: Gate, batch: Batch) -> Truth:
    """Is relevance on the creature rather than on the background, whose removal is verified to change nothing?"""
    return _no_effect(gate, batch, only("background"))


@question(headline="effect_contrast", knows={"effect", "rival"})
def target_contrast(gate: Gate, batch: Batch) -> Truth:
    """Why this class, and why rather its neighbour? Two questions about one picture, with different true answers."""
    rival = _rival(batch.target)
    return Truth(
        parts=owners_of(batch, only(*PARTS)),
        effect=shapley(gate, batch, batch.target),
        rival=rival,
        rival_effect=shapley(gate, batch, rival),
    )


@question(headline="controlled_synthetic_data_check", knows={"relevant", "impossible", "effect", "rival", "scene"})
def part_protocols(gate: Gate, batch: Batch) -> Truth:
    """Which of all things in a scene count, when each can really be taken away, alone or with others?"""
    creature, rival = only(*PARTS), _rival(batch.target)
    effect = _removals(gate, batch, batch.target)
    return Truth(
        parts=owners_of(batch, only(*UNITS)),
        relevant=creature.expand(effect.shape),
        impossible=~creature & (effect.abs() < NEGLIGIBLE),
        effect=effect,
        rival=rival,
        rival_effect=_removals(gate, batch, rival),
    )
