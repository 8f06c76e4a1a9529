"""Cheats: maps that are made without asking the network about the sample.

Each is handed the input, and what is true of other samples; there is neither the network nor the truth of the sample
itself to be found. A task on which one of them scores well can be passed without the network.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from ..errors import Refused
from ..units import at_elements, spread

WIDTH = 0.25
"""The standard deviation of the blob in the centre, as a share of the picture's side."""
NEAR, FAR = 7, 15
"""The sides, in pixels, of the squares that a pixel is compared with."""
COUNTS = 0.1
"""A part belongs to the object if it counts elsewhere for at least this share of what counts most."""


@dataclass(frozen=True, slots=True)
class Blind:
    """The knowledge of a cheat about N samples: nothing that comes from the network's answer to the sample itself."""

    x: Tensor
    baseline: Tensor
    parts: Tensor
    """(N, E): the picture segmented into the parts of the truth; -1 where there is none."""
    elsewhere: Tensor
    """(N, P): the mean truth about each part over all other samples."""
    map_elsewhere: Tensor
    """(N, E): the mean over all other samples of the truth as a map."""
    untrained: Tensor | None
    """Like x: the gradient of a copy of the network that has not been trained."""


Cheat = Callable[[Blind], Tensor]


def edges_in_the_centre(blind: Blind) -> Tensor:
    """The steps of brightness to the neighbouring pixels, more in the centre."""
    return _edges(blind) * _centre(blind)


def squared_edges_in_the_centre(blind: Blind) -> Tensor:
    """The strongest edges near the centre."""
    return edges_in_the_centre(blind).square()


def magnitude(blind: Blind) -> Tensor:
    """The distance of the input from its baseline."""
    return _per_element((blind.x - blind.baseline).abs())


def magnitude_in_the_centre(blind: Blind) -> Tensor:
    """The distance of the picture from its baseline, more in the centre."""
    return magnitude(blind) * _centre(blind)


def surprise_in_the_centre(blind: Blind) -> Tensor:
    """The difference of a pixel from its surroundings, more in the centre."""
    picture = _picture(blind)
    return _per_element((picture - _surroundings(picture, FAR)).abs()) * _centre(blind)


def dark_outlines_in_the_centre(blind: Blind) -> Tensor:
    """The darkness of a pixel against its near surroundings, more in the centre."""
    brightness = _picture(blind).mean(1, keepdim=True)
    return _per_element((_surroundings(brightness, NEAR) - brightness).clamp(min=0)) * _centre(blind)


def object_evenly(blind: Blind) -> Tensor:
    """The same everywhere on the parts that count in other samples."""
    return at_elements(_object(blind), blind.parts)


def parts_equally(blind: Blind) -> Tensor:
    """The same for each of the parts that count in other samples."""
    return spread(_object(blind), blind.parts)


def parts_as_elsewhere(blind: Blind) -> Tensor:
    """For each part what it counts for in other samples."""
    return spread(blind.elsewhere, blind.parts)


def map_elsewhere(blind: Blind) -> Tensor:
    """The mean map of the truth about other samples."""
    return blind.map_elsewhere


def untrained_gradient(blind: Blind) -> Tensor:
    """The gradient of an untrained copy of the network."""
    if blind.untrained is None:
        raise Refused("the network has no parameters to draw anew")
    return _per_element(blind.untrained)


def untrained_gradient_magnitude(blind: Blind) -> Tensor:
    """The magnitude of the gradient of an untrained copy of the network."""
    return untrained_gradient(blind).abs()


CHEATS: dict[str, Cheat] = {
    cheat.__name__: cheat
    for cheat in (
        edges_in_the_centre,
        squared_edges_in_the_centre,
        magnitude,
        magnitude_in_the_centre,
        surprise_in_the_centre,
        dark_outlines_in_the_centre,
        object_evenly,
        parts_equally,
        parts_as_elsewhere,
        map_elsewhere,
        untrained_gradient,
        untrained_gradient_magnitude,
    )
}


def without_own(values: Tensor) -> Tensor:
    """Return for each sample the mean of something (N, …) over all other samples."""
    others = ~torch.eye(len(values), dtype=torch.bool, device=values.device)
    return (others.to(values) @ values.flatten(1) / (len(values) - 1)).reshape(values.shape)


def _picture(blind: Blind) -> Tensor:
    if blind.x.ndim != 4:
        raise Refused("the inputs are no pictures")
    return blind.x.double()


def _per_element(values: Tensor) -> Tensor:
    """Sum over the channels: something like x to (N, E)."""
    return (values.sum(1) if values.ndim > 2 else values).double().flatten(1)


def _centre(blind: Blind) -> Tensor:
    """Return a Gaussian in the centre of the picture, (1, E)."""
    places = (torch.linspace(-0.5, 0.5, side, dtype=torch.float64) for side in _picture(blind).shape[2:])
    rows, columns = (torch.exp(-(place**2) / (2 * WIDTH**2)) for place in places)
    return (rows[:, None] * columns).reshape(1, -1)


def _edges(blind: Blind) -> Tensor:
    beside = pad(_picture(blind), (1, 1, 1, 1), mode="replicate")
    across = beside[..., 1:-1, 2:] - beside[..., 1:-1, :-2]
    down = beside[..., 2:, 1:-1] - beside[..., :-2, 1:-1]
    return _per_element((across.square() + down.square()).sqrt())


def _surroundings(picture: Tensor, side: int) -> Tensor:
    """Return the mean over the square of `side` pixels around each pixel, as far as it lies in the picture."""
    return avg_pool2d(picture, side, stride=1, padding=side // 2, count_include_pad=False)


def _object(blind: Blind) -> Tensor:
    """Tell which parts count in other samples, (N, P), as numbers."""
    counts = blind.elsewhere.abs()
    return (counts >= COUNTS * counts.amax(1, keepdim=True)).double()
