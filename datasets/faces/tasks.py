"""Questions about mosaics whose answers come from putting other pictures in the place of one of theirs."""

from functools import cache, lru_cache, partial

import torch
from torch import Tensor

from ...benchmark import Batch, Gate, Network, Truth, grid_units, per_unit, read_out, task
from .._mistakes import Look, clean, first_where, noisy
from .mosaics import CELLS, SIDE, SPARE, Mosaics, compose, pictures, places_of_cells, sample_mosaics

SEEDS = {"tune": 101, "test": 102}
PATCH = 5
POOL, POOL_START = 32, 2**20
"""The number of other mosaics to draw from, and the place of the first in `tune`, far behind those asked about."""
NEGLIGIBLE = 0.02
"""The effect below which a cell counts as without influence."""
SIGMA = 0.15
"""The standard deviation of the noise that makes mistakes: in it, 24 % of the mosaics of `tune` are counted wrong."""


def speckled(ids: tuple[str, ...], x: Tensor) -> Tensor:
    """Add each sample's grey noise to mosaics, which are clipped to [0, 1]."""
    return noisy(ids, x, SIGMA, channels=1)


def _ids(kind: str, split: str, places: Tensor) -> tuple[str, ...]:
    return tuple(f"{kind}-{split}-{place}" for place in places.tolist())


@lru_cache(maxsize=4)
def _mosaics(ids: tuple[str, ...]) -> Mosaics:
    """Return the mosaics of samples, from their ids."""
    split, places = ids[0].split("-")[1], [int(name.rpartition("-")[2]) for name in ids]
    return sample_mosaics(max(places) + 1, split, SEEDS[split])[torch.tensor(places)]


def _found(gate: Gate, split: str, size: int, how: tuple[str, Look, bool]) -> Batch:
    """Return the first mosaics with a face whose number the network gets right, or wrong, asked about that number."""
    kind, look, rightly = how

    def wanted(places: range) -> Tensor:
        mosaics = sample_mosaics(len(places), split, SEEDS[split], places.start)
        x = look(_ids(kind, split, torch.tensor(places)), compose(pictures()[mosaics.cells]))
        return ((gate.logits(x).argmax(1) == mosaics.count) == rightly) & (mosaics.count > 0)

    word = "right" if rightly else "wrong"
    ids = _ids(kind, split, first_where(wanted, size, f"mosaics with a face that the network gets {word}"))
    mosaics = _mosaics(ids)
    x = look(ids, compose(pictures()[mosaics.cells]))
    baseline, again = torch.zeros_like(x), partial(redraw, look=look)
    return Batch(ids, x, mosaics.count, grid_units(x, PATCH), baseline, pool=_pool(kind, look), redraw=again)


@cache
def _pool(kind: str, look: Look) -> Tensor:
    mosaics = sample_mosaics(POOL, "tune", SEEDS["tune"], POOL_START)
    ids = _ids(kind, "tune", torch.arange(POOL_START, POOL_START + POOL))
    return look(ids, compose(pictures()[mosaics.cells]))


def counted_mosaics(gate: Gate, split: str, size: int) -> Batch:
    """Mosaics whose faces, one to three, the network counts right, in patches of 5 x 5 pixels on black."""
    return _found(gate, split, size, ("faces", clean, True))


def miscounted_mosaics(gate: Gate, split: str, size: int) -> Batch:
    """Noisy mosaics whose faces, one to three, it counts wrong, asked about the true number."""
    return _found(gate, split, size, ("noisy_faces", speckled, False))


def redraw(ids: tuple[str, ...], kept: Tensor, look: Look = clean) -> Tensor:
    """Compose mosaics again with another picture, never a face, in each cell of which at least half is not `kept`.

    `kept` is (N, E) bool; ids may repeat.
    """
    mosaics = _mosaics(ids)
    left = per_unit(kept.long(), places_of_cells().expand(len(ids), -1), CELLS)
    cells = torch.where(2 * left > SIDE**2, mosaics.cells, mosaics.spare[:, :CELLS])
    return look(ids, compose(pictures()[cells]))


@lru_cache(maxsize=4)
def _logits(network: Network, ids: tuple[str, ...], look: Look) -> Tensor:
    """Return the logits (N, 1 + 4 * 8, K) of mosaics, and of each with one of the spare pictures in one cell."""
    mosaics = _mosaics(ids)
    one = torch.eye(CELLS, dtype=torch.bool)[:, None].expand(-1, SPARE, -1)
    other = mosaics.spare[:, None, :, None].expand(-1, CELLS, -1, CELLS)
    changed = torch.where(one, other, mosaics.cells[:, None, None]).flatten(1, 2)
    cells = torch.cat([mosaics.cells[:, None], changed], 1).transpose(0, 1)
    answers = [Gate(network).logits(look(ids, compose(pictures()[each]))) for each in cells]
    return torch.stack(answers, 1)


def effects(gate: Gate, batch: Batch, target: Tensor, look: Look = clean) -> Tensor:
    """Return what eight other pictures, no faces, in the place of one take from the score, on average, (N, 4)."""
    logits = _logits(gate.network, batch.ids, look)
    scores = read_out(logits.flatten(0, 1), target.repeat_interleave(logits.shape[1]), gate.readout)
    whole, changed = torch.split(scores.double().reshape(len(batch), -1), [1, CELLS * SPARE], 1)
    return whole - changed.reshape(len(batch), CELLS, SPARE).mean(2)


def _cells(batch: Batch) -> Tensor:
    return places_of_cells().expand(len(batch), -1)


question = partial(task, on=("faces_resnet",), family="faces", truth_type="interventional")


@question(samples=counted_mosaics, headline="relevance_mass", knows={"effect", "relevant", "impossible"})
def face_cells(gate: Gate, batch: Batch) -> Truth:
    """Is relevance on the faces that are counted, rather than on pictures that are verified to change nothing?"""
    effect, face = effects(gate, batch, batch.target), _mosaics(batch.ids).face
    return Truth(
        parts=_cells(batch),
        relevant=face & (effect > NEGLIGIBLE),
        impossible=~face & (effect.abs() < NEGLIGIBLE),
        effect=effect,
    )


@question(samples=counted_mosaics, headline="effect_contrast", knows={"effect", "rival"})
def face_contrast(gate: Gate, batch: Batch) -> Truth:
    """Why so many faces, and why not one less? What supports the one number opposes the other."""
    rival = batch.target - 1
    return Truth(
        parts=_cells(batch),
        effect=effects(gate, batch, batch.target),
        rival=rival,
        rival_effect=effects(gate, batch, rival),
    )


@question(samples=miscounted_mosaics, headline="effect_correlation", knows={"effect"})
def face_mistakes(gate: Gate, batch: Batch) -> Truth:
    """Why is the network not sure of the true number of faces, where it counts wrong?"""
    return Truth(parts=_cells(batch), effect=effects(gate, batch, batch.target, speckled))
