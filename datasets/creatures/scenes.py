"""Scene parameters: everything that can be seen in a picture, drawn before anything is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import torch
from torch import Tensor

from .._draws import Draws, Floats
from .code import CLASSES, CODE, PARTS

DISTRACTORS: Final = 4
DISTRACTOR_KINDS: Final = 6
UNITS: Final = (*PARTS, *(f"distractor_{slot}" for slot in range(DISTRACTORS)), "background")
BODY: Final = len(UNITS)
SIZE: Final = 64

WAVES = 3
TOUCHING = 0.26  # of the distractors are pulled in; with chance contacts a third of them touch
TURN_20 = 0.17632698  # tan(20° / 2)


@dataclass(frozen=True, slots=True)
class Scenes:
    """N scenes; every field has the scenes as its first axis, positions are in pixels from the middle of the picture.

    Turns are (cosine, sine); colours are RGB; the pairs of colours are fill and accent. The body is the last creature
    colour, after PARTS.
    """

    label: Tensor
    variants: Tensor
    position: Tensor
    turn: Tensor
    scale: Tensor
    flip: Tensor
    light: Tensor
    creature_colors: Tensor
    distractor_present: Tensor
    distractor_kind: Tensor
    distractor_position: Tensor
    distractor_turn: Tensor
    distractor_size: Tensor
    distractor_colors: Tensor
    background_colors: Tensor
    background_waves: Tensor
    background_slope: Tensor

    def __len__(self) -> int:
        """Return the number of scenes."""
        return len(self.label)

    def __getitem__(self, rows: slice | Tensor | Sequence[int]) -> "Scenes":
        """Return the scenes at `rows`, in that order."""
        return Scenes(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def present(self) -> Tensor:
        """Which of UNITS each scene has, (N, U) bool: all but the distractors that it was not given."""
        always = self.distractor_present.new_ones(len(self), 1)
        return torch.cat([always.expand(-1, len(PARTS)), self.distractor_present, always], 1)


def rgb(hue: Floats, saturation: Floats, value: Floats) -> Floats:
    """Colours from hue (in turns), saturation and value, along a new last axis."""
    sector = (np.array([5.0, 3.0, 1.0]) + 6 * hue[..., None]) % 6
    ramp = np.clip(np.minimum(sector, 4 - sector), 0, 1)
    colors: Floats = value[..., None] * (1 - saturation[..., None] * ramp)
    return colors


def creature_colors(draws: Draws) -> Floats:
    """Fill and accent of parts and body, (n, 6, 2, 3): hues from one harmony, pale eyes with dark pupils."""
    harmony = np.array([0.0, 0.08, -0.08, 0.42, 0.5])
    count = len(PARTS) + 1
    hue = draws.uniform(1) + harmony[draws.integers(count, high=5)] + draws.uniform(count, low=-0.03, high=0.03)
    accent_hue = hue + np.array([0.06, -0.06, 0.12, 0.5])[draws.integers(count, high=4)]
    fill = rgb(hue, draws.uniform(count, low=0.45, high=0.8), draws.uniform(count, low=0.7, high=1))
    accent = rgb(accent_hue, draws.uniform(count, low=0.2, high=0.5), draws.uniform(count, low=0.85, high=1))
    colors = np.stack([fill, accent], 2)
    eyes = PARTS.index("eyes")
    colors[:, eyes, 0] = rgb(hue[:, eyes], draws.uniform(low=0, high=0.12), draws.uniform(low=0.93, high=1))
    colors[:, eyes, 1] = rgb(accent_hue[:, eyes], draws.uniform(low=0.3, high=0.9), draws.uniform(low=0.05, high=0.3))
    return colors


def distractor_positions(draws: Draws, position: Floats, scale: Floats) -> Floats:
    """One distractor per corner, of which some are pulled in until they touch the creature; blind to the class."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    order = (draws.integers(1, high=4) + draws.integers(1, high=2) * np.array([0, 2, 0, 2]) + np.arange(4)) % 4
    free = corners[order] * draws.uniform(DISTRACTORS, 2, low=21, high=28)
    reach = draws.uniform(DISTRACTORS, 1, low=13, high=17) * scale[:, None, None]
    lean = draws.uniform(DISTRACTORS, 1, low=0.6, high=1.1)
    direction = corners[order] * np.concatenate([lean, np.ones_like(lean)], -1)
    touching = position[:, None] + direction * reach * 0.9
    positions: Floats = np.where(draws.uniform(DISTRACTORS, 1) < TOUCHING, touching, free)
    return positions


def distractor_colors(draws: Draws) -> Floats:
    """Fill and accent of the distractors, (n, 4, 2, 3)."""
    shape = (DISTRACTORS, 2)
    return rgb(draws.uniform(*shape), draws.uniform(*shape, low=0.3, high=0.85), draws.uniform(*shape, low=0.6, high=1))


def background_colors(draws: Draws) -> Floats:
    """Two related soft colours per scene, (n, 2, 3)."""
    hue = draws.uniform(1) + draws.uniform(2, low=-0.07, high=0.07)
    return rgb(hue, draws.uniform(2, low=0.1, high=0.42), draws.uniform(2, low=0.55, high=0.98))


def background_waves(draws: Draws) -> Floats:
    """Cycles per pixel in x and y, phase and amplitude of each wave, (n, 3, 4); some waves are switched off."""
    frequency = draws.uniform(WAVES, 1, low=0.02, high=0.12)
    heading = draws.turns(WAVES, limit=1.0)
    amplitude = draws.uniform(WAVES, 1, low=0.1, high=0.6) * (draws.uniform(WAVES, 1) < 0.6)
    return np.concatenate([heading * frequency, draws.uniform(WAVES, 1), amplitude], -1)


def sample_scenes(n: int, seed: int, first: int = 0) -> Scenes:
    """Scenes first..first+n-1 of the endless sequence that the seed stands for; each depends on seed and place only."""
    draws = Draws(n, seed, first)
    label = torch.from_numpy(draws.integers(high=CLASSES))
    position = draws.uniform(2, low=-4, high=4)
    scale = draws.uniform(low=0.8, high=1.2)
    tensors = {
        "position": position,
        "scale": scale,
        "turn": draws.turns(limit=TURN_20),
        "flip": 2.0 * draws.integers(high=2) - 1,
        "light": np.concatenate([draws.uniform(2, low=-0.008, high=0.008), draws.uniform(1, low=0.88, high=1.04)], -1),
        "creature_colors": creature_colors(draws),
        "distractor_position": distractor_positions(draws, position, scale),
        "distractor_turn": draws.turns(DISTRACTORS, limit=1.0),
        "distractor_size": draws.uniform(DISTRACTORS, low=4.0, high=6.5),
        "distractor_colors": distractor_colors(draws),
        "background_colors": background_colors(draws),
        "background_waves": background_waves(draws),
        "background_slope": draws.uniform(2, low=-0.012, high=0.012),
    }
    return Scenes(
        label=label,
        variants=CODE[label],
        distractor_present=torch.from_numpy(draws.integers(1, high=DISTRACTORS) >= np.arange(DISTRACTORS)),
        distractor_kind=torch.from_numpy(draws.integers(DISTRACTORS, high=DISTRACTOR_KINDS)),
        **{name: torch.from_numpy(values).float() for name, values in tensors.items()},
    )
