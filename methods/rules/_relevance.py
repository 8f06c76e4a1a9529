"""Relevance propagation through any network: where it starts and ends, and what it does at each operation."""

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, Final

import torch
from torch import Tensor

from ...benchmark import Refused, WhiteBox
from ._kinds import ACTIVATIONS, CONVOLUTIONS, FUNCTIONS, MAXIMA, MOVES, NORMS, PRODUCTS, RECTIFIERS, SCALES, STRUCTURE
from ._kinds import table as named
from ._layers import Doorstep, Layer, LayerRule
from ._mode import Operation, Prepare, Rule, Rules, Table, as_if, every, name_of, plain, ruled, seen, tensors, tracked

KEEPS: Final = frozenset(MOVES.split())
SHIFTS: Final = frozenset(f"{SCALES} mul div batch_norm".split())


class Relevance(Rules):
    """Rules by which value times gradient is relevance, from the logits down to the input of the gate.

    What is done to the input before its values are first added up or bent (normalising, resizing, cutting patches)
    belongs to the reading of it, wherever it is done: relevance is that of what the first layer reads.
    """

    x: Tensor

    def enter(self, x: Tensor, prepare: Prepare) -> Tensor:
        """Return what the network is handed; it is still being read."""
        self.x = x
        return _raw(super().enter(x, prepare))

    def leave(self, output: Tensor) -> Tensor:
        """Return the logits; a network that only reads ends here."""
        return self._crossed(output)

    def apply(self, name: str, rule: Rule, func: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Do an operation by its rule; one that still reads the input has none."""
        sources = [tensor for tensor in tensors([args, kwargs]) if tracked(tensor)]
        reads = all("raw" in vars(tensor) for tensor in sources)
        if reads and (name in KEEPS or (name in SHIFTS and len(sources) == 1)):
            result = func(*args, **kwargs)
            for tensor in tensors(args[0] if name == "setitem" else result):
                _raw(tensor)
            return result
        args, kwargs = every(self._crossed, args), every(self._crossed, kwargs)
        return rule(func, *args, **kwargs)

    def overwrite(self, x: Tensor, result: Tensor) -> Tensor:
        """Put a result in place; what was known of the old value is no longer so."""
        for fact in ("raw", "doorstep", "layer"):
            vars(x).pop(fact, None)
        vars(x).update(vars(result))
        return super().overwrite(x, result)

    def _crossed(self, tensor: Tensor) -> Tensor:
        return seen(Doorstep(self.x, tensor).crossed()) if tracked(tensor) and "raw" in vars(tensor) else tensor


def _raw(tensor: Tensor) -> Tensor:
    vars(tensor)["raw"] = True
    return tensor


def relevance(model: WhiteBox, x: Tensor, target: Tensor, rules: Table, readout: str) -> Tensor:
    """Return the relevance of every value of the input."""
    return ruled(model, lambda: Relevance(rules), readout).gradient(x, target)


def rules(convolution: LayerRule, dense: LayerRule, *, softmax: Rule | None = None) -> Table:
    """Return the table of relevance propagation with these rules at linear layers.

    Where nothing else is said, attention weights are constants, as are the scales of normalisations (arXiv:2202.07304).
    A batch norm is one with the convolution or dense layer before it.
    """
    return {
        **STRUCTURE,
        **named(MAXIMA, plain),
        **named(f"{RECTIFIERS} {ACTIVATIONS} {FUNCTIONS}", passed),
        **named(f"{NORMS} rsqrt reciprocal", constant),
        **named(PRODUCTS, halved),
        **named(CONVOLUTIONS, partial(_linear, convolution, True)),
        "linear": partial(_linear, dense, False),
        "matmul": partial(_matmul, dense),
        "batch_norm": partial(_batch_norm, convolution, dense),
        "div": _quotient,
        "softmax": softmax or constant,
        "log_softmax": plain,
    }


def passed(func: Operation, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Relevance passes what acts on each value alone."""
    value = x.detach()
    y: Tensor = func(value, *args, **kwargs)
    return as_if(y, x * torch.where(value == 0, 0, y / value))


def constant(func: Operation, *args: Any, **kwargs: Any) -> Tensor:
    """No relevance goes to what only scales."""
    result: Tensor = func(*args, **kwargs).detach()
    return result


def halved(func: Operation, *args: Any, **kwargs: Any) -> Tensor:
    """The factors of a product share alike (arXiv:2402.05602, the uniform rule)."""
    factors = sum(map(tracked, tensors([args, kwargs])))
    ways = [func(*some, **others) for some, others in (every(_only(i), (args, kwargs)) for i in range(factors))]
    return as_if(ways[0], sum(ways[1:], start=ways[0]) / factors)


def _only(index: int) -> Callable[[Tensor], Tensor]:
    """Return a change that detaches all tracked tensors but the one that comes at this place."""
    places = count()

    def change(tensor: Tensor) -> Tensor:
        return tensor if not tracked(tensor) or next(places) == index else tensor.detach()

    return change


def _linear(
    rule: LayerRule,
    convolves: bool,
    func: Operation,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *args: Any,
    **kwargs: Any,
) -> Tensor:
    if tracked(weight):
        raise Refused(f"no rule for {name_of(func)} with weights that depend on the input")
    leads = "transpose" not in name_of(func)
    return _remembered(rule, Layer(lambda x, w, b: func(x, w, b, *args, **kwargs), x, weight, bias, convolves, leads))


def _remembered(rule: LayerRule, layer: Layer) -> Tensor:
    """Go by the rule; a batch norm that follows will want to know the layer."""
    return remember(rule(layer), layer)


def remember(output: Tensor, layer: Layer) -> Tensor:
    """Note which layer gives an output."""
    vars(output)["layer"] = layer, output._version
    return output


def layer_of(output: Tensor) -> Layer | None:
    """Return the layer whose output this is, unless it has been changed since."""
    layer, version = vars(output).get("layer", (None, -1))
    return layer if version == output._version else None


def _matmul(rule: LayerRule, func: Operation, a: Tensor, b: Tensor) -> Tensor:
    """A constant on the right is a weight; on the left it mixes places, as attention does."""
    if tracked(b):
        return halved(func, a, b)
    return _remembered(rule, Layer(lambda x, w, _: func(x, w), a, b, None, leads=False))


def _batch_norm(
    convolution: LayerRule,
    dense: LayerRule,
    func: Operation,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    *args: Any,
) -> Tensor:
    """Go by the rule of the layer before, with the scale and the shift in its weight and bias."""
    if training or mean is None or var is None:
        raise Refused("no rule for a batch norm that takes its statistics from the batch: samples would mix")
    scale = (var + eps).rsqrt() * (1 if weight is None else weight)
    shift = (0 if bias is None else bias) - mean * scale
    layer = layer_of(x)
    if layer is None or not layer.leads or len(layer.weight) != len(scale) or layer.x.dtype != x.dtype:
        shape = (-1, *[1] * (x.ndim - 2))
        own = Layer(_scaled, x, scale.reshape(shape), shift.reshape(shape), leads=False)
        return _remembered(convolution, own)
    merged = layer.scaled(scale, shift)
    return _remembered(convolution if layer.convolves else dense, merged)


def _scaled(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x * weight if bias is None else x * weight + bias


def _quotient(func: Operation, a: Tensor | float, b: Tensor | float, **kwargs: Any) -> Tensor:
    """No relevance goes to a divisor."""
    result: Tensor = func(a, b.detach() if isinstance(b, Tensor) else b, **kwargs)
    return result
