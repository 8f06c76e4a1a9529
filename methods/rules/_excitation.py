"""Excitation backpropagation: the chance that a walk from the winning unit down passes an input."""

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor

from ...benchmark import Refused, WhiteBox
from ._kinds import MAXIMA, MOVES, RECTIFIERS, SUMS
from ._kinds import table as named
from ._layers import Layer, quotient, shared
from ._mode import Operation, Rule, Table, as_if, plain, ruled, tracked
from ._relevance import Relevance, halved, layer_of, passed, remember, rules

CASTS: Final = frozenset(["to", "float", "double", "half", "bfloat16"])
Start = Callable[[Tensor], Tensor]


class Excitation(Relevance):
    """Relevance that starts with one, whatever the logit is."""

    def __init__(self, start: Start) -> None:
        super().__init__(TABLE)
        self.start = start

    def apply(self, name: str, rule: Rule, func: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Do an operation by its rule; a cast of what a layer gives is still what it gives."""
        result = super().apply(name, rule, func, args, kwargs)
        if name in CASTS and (layer := layer_of(args[0])) is not None:
            remember(result, layer)
        return result

    def leave(self, output: Tensor) -> Tensor:
        """Return the logits; at the target, relevance is one."""
        return self.start(super().leave(output))


def excitation(model: WhiteBox, x: Tensor, target: Tensor, start: Start) -> Tensor:
    """Return the winning probability of every value of the input."""
    return ruled(model, lambda: Excitation(start), "logit").gradient(x, target)


def one(output: Tensor) -> Tensor:
    """Start from the target."""
    return as_if(output, _unit(output))


def one_against_another(output: Tensor) -> Tensor:
    """Start from the target, and take away what its dual would give, whose weights have the other sign."""
    layer = layer_of(output)
    if layer is None:
        raise Refused("no dual of the target: contrastive excitation needs a network that ends with a linear layer")
    up, down = _excitatory(layer), -layer.parts(layer.weight.clamp(max=0), layer.weight.clamp(min=0), None)
    return as_if(output, _unit(up) - _unit(down))


def _unit(z: Tensor) -> Tensor:
    """Return one, whose relevance goes the way of z."""
    return z * quotient(torch.ones_like(z), z)


def _excitatory(layer: Layer) -> Tensor:
    return layer.parts(layer.weight.clamp(min=0), layer.weight.clamp(max=0), None)


def by_excitation(layer: Layer) -> Tensor:
    """Share among excitatory connections alone; a bias takes nothing."""
    return shared(layer.output, (_excitatory(layer), 1.0))


def added(func: Operation, a: Any, b: Any, **kwargs: Any) -> Tensor:
    """Share among the branches that excite; a constant takes nothing."""
    first, second = (isinstance(x, Tensor) and tracked(x) for x in (a, b))
    if not second:
        return passed(func, a, b, **kwargs)
    if not first:
        return passed(lambda x: func(a, x, **kwargs), b)
    z = func(a.detach(), b.detach(), **kwargs)
    signs = [
        (func(a.clamp(min=0), b.clamp(min=0), **kwargs), z > 0),
        (func(a.clamp(max=0), b.clamp(max=0), **kwargs), z < 0),
    ]
    return shared(z, *((part, where.to(z.dtype)) for part, where in signs))


def subtracted(func: Operation, a: Any, b: Any, **kwargs: Any) -> Tensor:
    """Inhibition has no rule; a constant takes nothing."""
    if isinstance(b, Tensor) and tracked(b):
        raise Refused("no rule for a difference of activations: excitation needs activations that only add up")
    return passed(func, a, b, **kwargs)


_LAYERS: Final = rules(by_excitation, by_excitation)

TABLE: Final[Table] = {
    **{
        name: rule
        for name, rule in _LAYERS.items()
        if name in {"linear", "batch_norm", "div"} or name.startswith("conv")
    },
    **named(f"{MOVES} {SUMS} {MAXIMA}", plain),
    **named(RECTIFIERS, passed),
    "add": added,
    "sub": subtracted,
    "mul": halved,
}
"""Activations must not be negative, so only rectifiers have a rule."""
