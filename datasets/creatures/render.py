"""From scene parameters to pictures and label maps, by compositing layers from back to front."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .code import PARTS
from .scenes import BODY, DISTRACTORS, SIZE, UNITS, Scenes
from .shapes import CREATURE, DISTRACTOR, DRAWING_ORDER, Drawn, Shape, body

CHUNK = 64  # scenes whose planes fit the processor's cache together
GREY = 0.5
MIDDLE = (SIZE - 1) / 2
WINDOW = 20  # pixels, more than any distractor spans
FAR = 1e3  # the distance to a shape that is not there
OUTLINE = 0.5  # pixels of pure ink, before it fades into the fill over another pixel
INK = 0.3  # the outline's brightness relative to the fill


@dataclass(frozen=True, slots=True)
class Layer:
    """One unit of every scene: its coverage in [0, 1] and its shaded weights of fill and accent, planes (N, P).

    The planes hold the pixels that `pixels` (N, P) counts row by row, or all 4096 where it is None.
    """

    unit: int
    coverage: Tensor
    fill: Tensor
    accent: Tensor
    colors: Tensor
    pixels: Tensor | None = None


@torch.no_grad()
def render(scenes: Scenes, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Draw the scenes with only the kept UNITS, (N, U) bool or all: images (N, 3, 64, 64), owners (N, 64, 64) int64.

    A removed unit is not drawn, so what is behind it appears; a removed background is plain grey; the body is always
    drawn. The owner of a pixel is the front-most unit that covers at least half of it, as index in UNITS, or BODY.
    Removing a unit changes no pixel outside its own coverage, which ends one pixel (a few at a sharp corner) from what
    it owns or would own if nothing were in front of it.
    """
    keep = scenes.present if keep is None else keep
    if keep.shape != (len(scenes), len(UNITS)):
        raise ValueError(f"keep has shape {tuple(keep.shape)}, expected {(len(scenes), len(UNITS))}, one flag per unit")
    keep = keep & scenes.present
    images = torch.empty(len(scenes), 3, SIZE * SIZE)
    owners = torch.empty(len(scenes), SIZE * SIZE, dtype=torch.int64)
    for start in range(0, len(scenes), CHUNK):
        rows = slice(start, start + CHUNK)
        composite(scenes[rows], keep[rows], images[rows], owners[rows])
    return images.reshape(-1, 3, SIZE, SIZE), owners.reshape(-1, SIZE, SIZE)


def composite(scenes: Scenes, keep: Tensor, images: Tensor, owners: Tensor) -> None:
    """Paint the layers over each other into the two given tensors."""
    images.copy_(background(scenes, keep[:, -1]))
    owners.fill_(UNITS.index("background"))
    for layer in layers(scenes, keep):
        if layer.pixels is None:
            paint(layer, images, owners)
        else:
            channels = layer.pixels[:, None].expand(-1, 3, -1)
            image, owner = images.gather(2, channels), owners.gather(1, layer.pixels)
            paint(layer, image, owner)
            images.scatter_(2, channels, image)
            owners.scatter_(1, layer.pixels, owner)
    images.clamp_(0, 1)


def paint(layer: Layer, images: Tensor, owners: Tensor) -> None:
    """Put one layer over the images (N, 3, P) and enter it as the owner of what it mostly covers, in place."""
    behind = 1 - layer.coverage
    for channel in range(3):
        plane = images[:, channel]
        plane.mul_(behind)
        plane.add_(layer.fill * layer.colors[:, 0, channel, None])
        plane.add_(layer.accent * layer.colors[:, 1, channel, None])
    owners.masked_fill_(layer.coverage >= 0.5, layer.unit)


def layers(scenes: Scenes, keep: Tensor) -> Iterator[Layer]:
    """The kept units of each scene from back to front; the body is kept always."""
    yield from distractor_layers(scenes, keep)
    across, down = grid()
    x, y = local(across, down, scenes.position, scenes.turn, scenes.scale)
    x *= scenes.flip[:, None]
    light = illumination(scenes.light, across, down)
    for name in DRAWING_ORDER:
        if name == "body":
            unit, place, drawn = BODY, len(PARTS), body(x, y)
        else:
            unit = place = PARTS.index(name)
            drawn = by_group(CREATURE[name], torch.where(keep[:, unit], scenes.variants[:, unit], -1), x, y)
        yield Layer(unit, *shaded(drawn, scenes.scale, light), scenes.creature_colors[:, place])


def distractor_layers(scenes: Scenes, keep: Tensor) -> Iterator[Layer]:
    """The kept distractors, slot by slot, each in a window that is large enough for it."""
    for slot in range(DISTRACTORS):
        unit = len(PARTS) + slot
        position, size = scenes.distractor_position[:, slot], scenes.distractor_size[:, slot]
        pixels = window(position)
        across, down = pixels % SIZE - MIDDLE, pixels // SIZE - MIDDLE
        x, y = local(across, down, position, scenes.distractor_turn[:, slot], size)
        drawn = by_group(DISTRACTOR, torch.where(keep[:, unit], scenes.distractor_kind[:, slot], -1), x, y)
        planes = shaded(drawn, size, illumination(scenes.light, across, down))
        yield Layer(unit, *planes, scenes.distractor_colors[:, slot], pixels)


def by_group(shapes: tuple[Shape, ...], groups: Tensor, x: Tensor, y: Tensor) -> Drawn:
    """Evaluate for each scene the shape that its group names; group -1 has none."""
    outline, accent = torch.full_like(x, FAR), torch.full_like(x, FAR)
    for group, shape in enumerate(shapes):
        rows = (groups == group).nonzero()[:, 0]
        if len(rows):
            outline[rows], accent[rows] = shape(x[rows], y[rows])
    return outline, accent


def shaded(drawn: Drawn, scale: Tensor, light: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Turn distances into coverage and weights of fill and accent: ink along the edge, a soft rounding inwards."""
    distance = drawn[0] * scale[:, None]
    coverage = (0.5 - distance).clamp_(0, 1)
    depth = (-distance - OUTLINE).clamp_(0, 4)
    ink = depth.clamp(max=1) * (1 - INK) + INK
    weight = ink.mul_(coverage).mul_(light).mul_(depth.mul_(0.03).add_(0.88))
    accent = (drawn[1] * -scale[:, None]).add_(0.5).clamp_(0, 1).mul_(weight)
    return coverage, weight - accent, accent


def illumination(light: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """The brightness that the light from one side gives each pixel."""
    return light[:, :1] * across + light[:, 1:2] * down + light[:, 2:]


def background(scenes: Scenes, keep: Tensor) -> Tensor:
    """The textured backgrounds, or grey, (N, 3, 4096): a slope and waves of parabolas blend two colours."""
    across, down = grid()
    blend = scenes.background_slope[:, :1] * across + scenes.background_slope[:, 1:] * down + 0.5
    for wave in scenes.background_waves.unbind(1):
        frequency_x, frequency_y, phase, amplitude = wave[:, :, None].unbind(1)
        cycles = frequency_x * across + frequency_y * down + phase
        swing = (cycles - cycles.floor()) * 2 - 1
        blend += swing * (1 - swing.abs()) * (4 * amplitude)
    blend.clamp_(0, 1)
    first, second = scenes.background_colors[..., None].unbind(1)
    image = (first + (second - first) * blend[:, None]) * scenes.light[:, 2:, None]
    image[~keep] = GREY
    return image


def window(position: Tensor) -> Tensor:
    """The pixels (N, WINDOW²), counted row by row, of a square around the position, moved into the picture."""
    corner = (position + MIDDLE).round().long() - WINDOW // 2
    corner = corner.clamp(0, SIZE - WINDOW)
    steps = torch.arange(WINDOW)
    pixels = (corner[:, 1, None] + steps)[:, :, None] * SIZE + (corner[:, 0, None] + steps)[:, None]
    return pixels.flatten(1)


def local(across: Tensor, down: Tensor, position: Tensor, turn: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """The pixels' places (N, P) seen from the position, turned back and divided by the scale."""
    u, v = across - position[:, :1], down - position[:, 1:]
    cosine, sine = (turn / scale[:, None])[:, :, None].unbind(1)
    return u * cosine + v * sine, v * cosine - u * sine


def grid() -> tuple[Tensor, Tensor]:
    """All pixels row by row, across and down from the middle of the picture, (4096,) each."""
    pixels = torch.arange(SIZE * SIZE)
    return pixels % SIZE - MIDDLE, pixels // SIZE - MIDDLE
