"""Shapes as signed distances, in pixels, negative inside.

A shape maps coordinate planes to a pair: the distance to its outline and the distance to its accent, the part of it
that carries the second colour. Only operations that round correctly one by one are used here and in the renderer (no
trigonometry, no fused multiply-add), so a pixel's value cannot depend on where in a batch it is computed.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import torch
from torch import Tensor

from .code import PARTS

Drawn: TypeAlias = tuple[Tensor, Tensor]
Shape: TypeAlias = Callable[[Tensor, Tensor], Drawn]
Point: TypeAlias = tuple[float, float]


def length(x: Tensor, y: Tensor) -> Tensor:
    """The Euclidean length."""
    return (x * x + y * y).sqrt_()


def circle(x: Tensor, y: Tensor, center: Point, radius: float) -> Tensor:
    """A disc."""
    return length(x - center[0], y - center[1]) - radius


def ellipse(x: Tensor, y: Tensor, center: Point, radii: Point) -> Tensor:
    """An ellipse along the axes, its distance to first order."""
    u, v = (x - center[0]) / radii[0], (y - center[1]) / radii[1]
    reach = length(u, v)
    return reach * (reach - 1) / (length(u / radii[0], v / radii[1]) + 1e-6)


def box(x: Tensor, y: Tensor, center: Point, half: Point, corner: float) -> Tensor:
    """A box with rounded corners."""
    u = (x - center[0]).abs_() - (half[0] - corner)
    v = (y - center[1]).abs_() - (half[1] - corner)
    return length(u.clamp(min=0), v.clamp(min=0)) + torch.maximum(u, v).clamp(max=0) - corner


def capsule(x: Tensor, y: Tensor, start: Point, end: Point, radii: Point) -> Tensor:
    """A thick line whose radius goes from the first to the second."""
    along = (end[0] - start[0], end[1] - start[1])
    norm = along[0] ** 2 + along[1] ** 2
    u, v = x - start[0], y - start[1]
    share = ((u * along[0] + v * along[1]) / norm).clamp_(0, 1)
    return length(u - share * along[0], v - share * along[1]) - (share * (radii[1] - radii[0]) + radii[0])


def triangle(x: Tensor, y: Tensor, corners: tuple[Point, Point, Point]) -> Tensor:
    """A triangle with its corners in clockwise order as seen on the screen."""
    sides = []
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        norm = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5
        sides.append((x - ax) * ((by - ay) / norm) - (y - ay) * ((bx - ax) / norm))
    return torch.maximum(torch.maximum(sides[0], sides[1]), sides[2])


def body(x: Tensor, y: Tensor) -> Drawn:
    """A round body with a belly; the same for all classes."""
    return ellipse(x, y, (0, 3), (10.5, 10)), ellipse(x, y, (0, 6), (6, 5.5))


def bear_head(x: Tensor, y: Tensor) -> Drawn:
    """A round head with two round ears."""
    side = x.abs()
    ear = circle(side, y, (7.5, -17), 4.2)
    return torch.minimum(circle(x, y, (0, -9.5), 8.7), ear), ear + 2.2


def horned_head(x: Tensor, y: Tensor) -> Drawn:
    """A square head with two long horns."""
    side = x.abs()
    horn = capsule(side, y, (5, -15), (11, -24), (3, 0.8))
    skull = box(x, y, (0, -9.5), (8.7, 6.5), 2.5)
    return torch.minimum(skull, horn), torch.maximum(horn, -skull)


def spire_head(x: Tensor, y: Tensor) -> Drawn:
    """A drop-shaped head that ends in a ball."""
    ball = circle(x, y, (0, -23), 3)
    spire = capsule(x, y, (0, -11), (0, -22), (7.5, 1))
    return torch.minimum(torch.minimum(circle(x, y, (0, -9), 8), spire), ball), ball


def pair_eyes(x: Tensor, y: Tensor) -> Drawn:
    """Two big round eyes."""
    side = x.abs()
    pupil = torch.maximum(circle(side, y, (3.6, -9.0), 2.1), 0.9 - length(side - 4.4, y + 10))
    return circle(side, y, (4.0, -9.5), 3.8), pupil


def cyclops_eyes(x: Tensor, y: Tensor) -> Drawn:
    """One very big eye."""
    return circle(x, y, (0, -9.5), 5.6), torch.maximum(circle(x, y, (0, -9), 3.1), 1.2 - length(x + 1.2, y + 10.2))


def trio_eyes(x: Tensor, y: Tensor) -> Drawn:
    """Three eyes in a triangle."""
    side = x.abs()
    white = torch.minimum(circle(side, y, (4.2, -6.8), 3.2), circle(x, y, (0, -13), 3.2))
    return white, white + 1.9


def stub_limbs(x: Tensor, y: Tensor) -> Drawn:
    """Two thick legs with feet turned outwards."""
    side = x.abs()
    foot = capsule(side, y, (5.5, 19), (9, 19.5), (2.7, 2.4))
    return torch.minimum(capsule(side, y, (5, 9), (5.2, 18), (3, 3)), foot), foot


def spider_limbs(x: Tensor, y: Tensor) -> Drawn:
    """Four thin legs, splayed."""
    side = x.abs()
    inner = capsule(side, y, (2, 9), (4.2, 22), (1.7, 1.4))
    outer = capsule(side, y, (6, 8), (13.5, 20), (1.9, 1.4))
    return torch.minimum(inner, outer), 17 - y


def slug_limbs(x: Tensor, y: Tensor) -> Drawn:
    """One wide flat foot."""
    return ellipse(x, y, (0, 16), (14.5, 5.2)), 17.5 - y


def butterfly_wings(x: Tensor, y: Tensor) -> Drawn:
    """Two round lobes on each side."""
    side = x.abs()
    upper = circle(side, y, (15.5, -5.5), 7.2)
    return torch.minimum(upper, circle(side, y, (13.5, 4.5), 5)), upper + 3.6


def bat_wings(x: Tensor, y: Tensor) -> Drawn:
    """Pointed wings with a scalloped lower edge."""
    side = x.abs()
    sail = triangle(side, y, ((5, 0), (23.5, -14.5), (24, 8)))
    scallops = torch.minimum(circle(side, y, (12, 6), 4.8), circle(side, y, (19.5, 8), 4.4))
    return torch.maximum(sail, -scallops), sail + 2.8


def dragonfly_wings(x: Tensor, y: Tensor) -> Drawn:
    """Two long thin blades on each side."""
    side = x.abs()
    upper = capsule(side, y, (7, -2), (22, -10), (1.3, 2.7))
    lower = capsule(side, y, (7, 2), (22, 2.5), (1.3, 2.5))
    blades = torch.minimum(upper, lower)
    return blades, torch.maximum(blades + 1, 17 - side)


def club_tail(x: Tensor, y: Tensor) -> Drawn:
    """A stalk with a ball at its end."""
    ball = circle(x, y, (19.5, 11.5), 5)
    return torch.minimum(capsule(x, y, (6, 9), (17, 12), (2.2, 1.8)), ball), ball


def arrow_tail(x: Tensor, y: Tensor) -> Drawn:
    """A thin stalk with an arrowhead."""
    tip = triangle(x, y, ((14.5, 5), (25.5, 12.5), (14.5, 19.5)))
    return torch.minimum(capsule(x, y, (6, 9), (16, 12), (2, 1.7)), tip), tip


def curl_tail(x: Tensor, y: Tensor) -> Drawn:
    """A thick open curl."""
    ring = circle(x, y, (16, 9.5), 5.6).abs_() - 2.1
    return torch.maximum(ring, -triangle(x, y, ((10, 4), (22, 0), (16.5, 9.5)))), ring + 1.6


def crate(x: Tensor, y: Tensor) -> Drawn:
    """A box with a lid of another colour."""
    return box(x, y, (0, 0), (0.85, 0.85), 0.1), box(x, y, (0, 0), (0.5, 0.5), 0.05)


def plus(x: Tensor, y: Tensor) -> Drawn:
    """A plus sign."""
    sign = torch.minimum(box(x, y, (0, 0), (1.0, 0.36), 0.05), box(x, y, (0, 0), (0.36, 1.0), 0.05))
    return sign, sign + 0.25


def star(x: Tensor, y: Tensor) -> Drawn:
    """A star with five points."""
    edge, fold = (0.809017, -0.587785), 2.0
    side = x.abs()
    for sign in (1, -1):
        reflected = (side * (sign * edge[0]) + y * edge[1]).clamp_(min=0) * fold
        side, y = side - reflected * (sign * edge[0]), y - reflected * edge[1]
    side, y = side.abs(), y - 1.15
    along = (0.45 * -edge[1], 0.45 * edge[0] - 1)
    norm = along[0] ** 2 + along[1] ** 2
    share = ((side * along[0] + y * along[1]) / norm).clamp_(0, 1.15)
    distance = length(side - share * along[0], y - share * along[1])
    outline = torch.where(y * along[0] - side * along[1] < 0, -distance, distance)
    return outline, outline + 0.3


def crescent(x: Tensor, y: Tensor) -> Drawn:
    """A crescent moon."""
    outline = torch.maximum(circle(x, y, (0, 0), 1.05), -circle(x, y, (0.5, -0.1), 0.75))
    return outline, outline + 0.25


def gem(x: Tensor, y: Tensor) -> Drawn:
    """A cut diamond, its upper half in another colour."""
    outline = torch.maximum((x.abs() + y.abs() - 1.1) * 0.70710678, -0.55 - y)
    return outline, torch.maximum(outline, y + 0.1)


def candy(x: Tensor, y: Tensor) -> Drawn:
    """A striped stick."""
    return capsule(x, y, (-0.8, 0), (0.8, 0), (0.42, 0.42)), (x.abs() - 0.5).abs_() - 0.2


CREATURE: Final[dict[str, tuple[Shape, Shape, Shape]]] = {
    "head": (bear_head, horned_head, spire_head),
    "eyes": (pair_eyes, cyclops_eyes, trio_eyes),
    "limbs": (stub_limbs, spider_limbs, slug_limbs),
    "wings": (butterfly_wings, bat_wings, dragonfly_wings),
    "tail": (club_tail, arrow_tail, curl_tail),
}
DISTRACTOR: Final[tuple[Shape, ...]] = (crate, plus, star, crescent, gem, candy)
DRAWING_ORDER: Final = ("wings", "tail", "limbs", "body", "head", "eyes")

if set(CREATURE) != set(PARTS):
    raise ValueError(f"shapes exist for {sorted(CREATURE)}, the code has {sorted(PARTS)}; draw every part")
