"""Which layers of a network keep the places of an image, and where in their activations the places are."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import isqrt, prod

import torch
from torch import Tensor, nn

from ..benchmark import Network, Refused, read_logits

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of an activation: (N, C, h, w), (N, h, w, C) or (N, prefix + h·w, C)."""

    size: Size
    channels_first: bool = False
    prefix: int = 0

    def grid(self, activation: Tensor) -> Tensor:
        """Return the activation, or a gradient there, as (N, C, h, w), without its prefix tokens."""
        if activation.ndim == 3:
            activation = activation[:, self.prefix :].reshape(len(activation), *self.size, -1)
        return activation if self.channels_first else activation.movedim(-1, 1)


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader of shapes, by the image's size and, where the network tells them, the shape of its tokens."""

    image: Size
    patches: Size | None = None
    prefix: int = 0
    channels_last: bool = False

    def layout(self, shape: torch.Size) -> Layout | None:
        """Return the layout of an activation of this shape; None where it keeps no places."""
        if len(shape) == 4:
            return self._map(shape)
        return self._tokens(shape[1]) if len(shape) == 3 else None

    def _map(self, shape: torch.Size) -> Layout | None:
        """Tell the axes of the places from that of the channels by the image's aspect ratio."""
        both = Layout((shape[2], shape[3]), channels_first=True), Layout((shape[1], shape[2]))
        fitting = [layout for layout in both if min(layout.size) > 1 and self._skew(layout.size) <= 1]
        if self.channels_last:
            fitting.reverse()
        return min(fitting, key=lambda layout: self._skew(layout.size), default=None)

    def _skew(self, size: Size) -> float:
        """Return by how many columns a map of this height misses the width that the image's shape asks for."""
        return abs(size[0] * self.image[1] / self.image[0] - size[1])

    def _tokens(self, count: int) -> Layout | None:
        """Read tokens as the network's own grid, or as a square; behind its own number of others, or none, one, two."""
        for prefix in (self.prefix, 0, 1, 2):
            patches = count - prefix
            if self.patches is not None and prod(self.patches) == patches:
                return Layout(self.patches, prefix=prefix)
            side = isqrt(max(patches, 0))
            if side > 1 and side * side == patches:
                return Layout((side, side), prefix=prefix)
        return None


def reader_of(module: nn.Module, image: Size) -> Reader:
    """Return a reader with what a timm model says of itself, also where it is wrapped."""
    patches, prefix = told(module, "grid_size"), told(module, "num_prefix_tokens")
    return Reader(
        image,
        (int(patches[0]), int(patches[1])) if isinstance(patches, tuple) and len(patches) == 2 else None,
        prefix if isinstance(prefix, int) else 0,
        told(module, "output_fmt") == "NHWC",
    )


def told(module: nn.Module, name: str) -> object:
    """Return the named attribute of the first part of a module that has it; None where none has."""
    return next((value for part in module.modules() if (value := getattr(part, name, None)) is not None), None)


@dataclass(frozen=True, slots=True)
class Site:
    """A layer's output in a trial pass."""

    shape: torch.Size
    layout: Layout
    alive: bool
    """Whether the output still depends on a place of this activation."""


class Inspection:
    """The spatial layers of a network, found at the first need by a trial pass through an untrained copy of it.

    Blocks count, not what is inside them; of several leaf layers in a row with one shape (convolution, norm,
    activation) the last counts. A layer whose places no longer reach the output does not count: behind the last
    attention of a class-token transformer only the class token does, so there the block's first norm comes last.
    """

    def __init__(self, network: Network, shape: torch.Size) -> None:
        self._network = network
        self._shape = shape

    def layers(self) -> tuple[str, ...]:
        """Return the names of the layers with a spatial activation, from the input to the output."""
        return self._names

    def grid(self, activation: Tensor) -> Tensor:
        """Return an activation of a listed layer, or its gradient, as (N, C, h, w); refuse any other shape."""
        layouts = {_places(self._sites[name].shape): self._sites[name].layout for name in self._names}
        layout = layouts.get(_places(activation.shape))
        if layout is None:
            known = ", ".join(sorted(str(tuple(shape)) for shape in layouts)) or "none"
            raise Refused(
                f"an activation of shape (N, {', '.join(map(str, activation.shape[1:]))}) is no known grid of places: "
                f"the layers listed for this network's input size have (N, …), of tokens (N, T), with … one of {known}"
            )
        return layout.grid(activation)

    @cached_property
    def _sites(self) -> Mapping[str, Site]:
        return trial(self._network, self._shape)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        module = self._network.module
        if module is None:
            return ()
        order = {name: place for place, name in enumerate(self._sites)}
        found = sorted(_spatial(module, self._sites), key=lambda name: order[name])
        ends = (
            name for name, after in pairwise(found) if not self._continues(module.get_submodule(after), name, after)
        )
        return (*ends, *found[-1:])

    def _continues(self, later: nn.Module, name: str, after: str) -> bool:
        same = self._sites[name].shape == self._sites[after].shape
        return same and not list(later.children()) and name.rpartition(".")[0] == after.rpartition(".")[0]


def _places(shape: torch.Size) -> torch.Size:
    """Return what tells a layout: of tokens (N, T, C) their number, of maps all but the number of samples."""
    return torch.Size(shape[1:2] if len(shape) == 3 else shape[1:])


def _spatial(
    module: nn.Module, sites: Mapping[str, Site], path: str = "", frame: torch.Size | None = None
) -> Iterator[str]:
    """Yield the outermost parts that count; inside one that does not, only what has its shape (`frame`)."""
    for name, part in module.named_children():
        site = sites.get(f"{path}{name}")
        inside = frame
        if site is not None and type(part) is not nn.Sequential and not isinstance(part, nn.Linear):
            if site.alive and frame in (None, site.shape):
                yield f"{path}{name}"
                continue
            inside = frame if site.alive else site.shape
        yield from _spatial(part, sites, f"{path}{name}.", inside)


def trial(network: Network, shape: torch.Size) -> Mapping[str, Site]:
    """Return what each layer that keeps places gives for one image of this shape, in the order of the pass.

    The pass is made with a copy whose parameters are drawn anew: a classifier that starts from zeros lets no gradient
    through, and the network itself stays as it is.
    """
    copy = network.randomized(0)
    if copy.module is None or len(shape) != 4:
        return {}
    device = next((parameter.device for parameter in copy.module.parameters()), None)
    image = torch.rand((1, *shape[1:]), generator=torch.Generator().manual_seed(0)).to(device).requires_grad_()
    with torch.enable_grad():
        given = copy.preprocess(image)
        outputs, logits = observed(copy.module.eval(), given)
        gradients = torch.autograd.grad(logits[0, 0], list(outputs.values()), allow_unused=True)
    reader = reader_of(copy.module, (given.shape[2], given.shape[3]))
    return {
        name: Site(output.shape, layout, gradient is not None and bool(layout.grid(gradient).any()))
        for (name, output), gradient in zip(outputs.items(), gradients, strict=True)
        if (layout := reader.layout(output.shape)) is not None
    }


def observed(module: nn.Module, x: Tensor) -> tuple[Mapping[str, Tensor], Tensor]:
    """Return the differentiable outputs of all parts, by name in the order of the pass, and the logits.

    What follows a part receives a copy of its output, lest an in-place layer overwrites what was kept.
    """
    outputs: dict[str, Tensor] = {}

    def keeper(name: str) -> Callable[[nn.Module, object, object], Tensor | None]:
        def keep(_module: nn.Module, _inputs: object, output: object) -> Tensor | None:
            kept = output[0] if isinstance(output, tuple) else output
            outputs.pop(name, None)
            if isinstance(kept, Tensor) and kept.requires_grad:
                outputs[name] = kept
            return output.clone() if isinstance(output, Tensor) else None

        return keep

    for name, part in module.named_modules():
        part.register_forward_hook(keeper(name))
    return outputs, read_logits(module(x))
