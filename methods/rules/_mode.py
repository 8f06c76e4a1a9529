"""The engine: while a network runs, every operation that is reached from its input goes by the rule of a table.

A rule answers with the operation's own value, but lets autograd see another way to it (`as_if`): a method is then the
gradient of a changed network, and the gate batches, bills and tidies up as ever. Modules, functions and methods are all
met alike. What has no rule is refused by its name, and so is what torch shows nobody: scripts, and autograd functions
of the network's own.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from ...benchmark import Network, Refused, WhiteBox, read_logits

Operation = Callable[..., Any]
Rule = Callable[..., Any]
"""The operation and its arguments to its result."""
Prepare = Callable[[Tensor], Tensor]

HANDS_ON = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


class Expansion:
    """A rule that says an operation in simpler ones, which go by their own."""

    def __init__(self, way: Operation) -> None:
        self.way = way


Table = Mapping[str, Rule | Expansion]


class Rules(TorchFunctionMode):
    """A mode in which operations go by a table from their names, without underscores, to rules."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.table = table
        self.opened: list[Operation] = []

    def enter(self, x: Tensor, prepare: Prepare) -> Tensor:
        """Return what the network is handed for an input of the gate."""
        return seen(prepare(x.clone()))

    def leave(self, output: Tensor) -> Tensor:
        """Return the logits that the gate reads."""
        return output

    def __torch_function__(
        self, func: Operation, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer an operation by its rule, if anything in it comes from the input."""
        kwargs = kwargs or {}
        if isinstance(func, FunctionType) and func not in self.opened:
            return self._open(func, args, kwargs)
        args, kwargs = every(_free, args), every(_free, kwargs)
        if not any(map(tracked, tensors([args, kwargs]))) or not torch.is_grad_enabled():
            return self.plainly(func, args, kwargs)
        self._check(args, kwargs)
        name = name_of(func)
        if name == "setitem" or not _in_place(func):
            return self._answer(name, func, args, kwargs)
        # Rules may keep what they are given until the way back: it must not be what is overwritten.
        result = self._answer(name, partial(_aside, func), (_copied(args[0]), *args[1:]), kwargs)
        return self.overwrite(args[0], result)

    def plainly(self, func: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Do an operation on what does not come from the input, or that has no derivative."""
        return func(*args, **kwargs)

    def apply(self, name: str, rule: Rule, func: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Do an operation by its rule."""
        return rule(func, *args, **kwargs)

    def overwrite(self, x: Tensor, result: Tensor) -> Tensor:
        """Put the result of an operation in place where it belongs."""
        return seen(x.copy_(result))

    def _answer(self, name: str, func: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        rule = self.table.get(name)
        if isinstance(rule, Expansion):
            with self:
                return rule.way(*args, **kwargs)
        if rule is None:
            result = self.plainly(func, args, kwargs)
            if any(map(tracked, tensors(result))):
                raise Refused(f"no rule for {_full_name(func)}: this method cannot explain a network that uses it")
            return result
        result = self.apply(name, rule, func, args, kwargs)
        for tensor in tensors(args[0] if name == "setitem" else result):
            seen(tensor)
        return result

    def _open(self, func: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the body of a function that is written in Python: what it calls comes here, too."""
        self.opened.append(func)
        try:
            with self:
                return _body(func)(*args, **kwargs)
        finally:
            self.opened.pop()

    def _check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if any(tracked(tensor) and "seen" not in vars(tensor) for tensor in tensors([args, kwargs])):
            raise _hidden()


class Ruled(nn.Module):
    """A network that runs in a mode of its own for every pass, after its preprocessing."""

    def __init__(self, network: Network, mode: Callable[[], Rules]) -> None:
        super().__init__()
        if network.module is None:
            raise Refused("this model has no module: it only gives scores")
        self.network, self.prepare, self.mode = network.module, network.preprocess, mode

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, in gradient mode with another way back to x."""
        mode = self.mode()
        prepared = mode.enter(x, self.prepare)
        with mode:
            # Reading them is an operation, too: logits that were made out of sight are found out here.
            output = read_logits(self.network(prepared))
        if not (torch.is_grad_enabled() and x.requires_grad):
            return output
        if not tracked(output):
            raise Refused("nothing leads back from the output to the input by these rules")
        return mode.leave(output)


def ruled(model: WhiteBox, mode: Callable[[], Rules], readout: str = "") -> WhiteBox:
    """Return the model whose operations go by the rules of a mode, made anew for every pass."""
    return model.changed(lambda network: Network(Ruled(network, mode)), readout)


class _AsIf(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, way: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[None, Tensor]:
        return None, outer


def as_if(value: Tensor, way: Tensor) -> Tensor:
    """Return a value that was computed in one way, and that autograd takes to be computed in another."""
    result: Tensor = _AsIf.apply(value.detach(), way)  # type: ignore[no-untyped-call]
    return result


def plain(func: Operation, *args: Any, **kwargs: Any) -> Any:
    """Let autograd have its way."""
    return func(*args, **kwargs)


def tracked(tensor: Tensor) -> bool:
    """Return whether a tensor comes from the input: parameters have been freed."""
    return tensor.requires_grad


def tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in an argument or a result."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors(part)


def every(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Return an argument with its tensors changed."""
    if isinstance(value, Tensor):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)(every(change, part) for part in value)
    if type(value) is dict:
        return {name: every(change, part) for name, part in value.items()}
    return value


def seen(tensor: Tensor) -> Tensor:
    """Mark what came out of an operation that has been met."""
    vars(tensor)["seen"] = True
    return tensor


def name_of(func: Operation) -> str:
    """Return an operation's name without underscores and overload; an attribute's is its own."""
    name: str = getattr(func, "__name__", repr(func))
    if name == "__get__":
        name = func.__self__.__name__  # type: ignore[attr-defined]
    return ALIASES.get(bare := name.partition(".")[0].strip("_"), bare)


def _full_name(func: Operation) -> str:
    func = func.args[0] if isinstance(func, partial) else func
    return resolve_name(func) or name_of(func)


def _in_place(func: Operation) -> bool:
    name = getattr(func, "__name__", "").partition(".")[0]
    return name.endswith("_") and not name.endswith("__")


def _aside(func: Operation, x: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Do what works in place on a copy."""
    return func(x.clone(), *args, **kwargs)


def _copied(x: Tensor) -> Tensor:
    """Return a copy of which all is known that is known of the original, but for the layer that it came from."""
    copy = x.clone()
    vars(copy).update({fact: value for fact, value in vars(x).items() if fact != "layer"})
    return copy


def _free(tensor: Tensor) -> Tensor:
    """Detach what the network owns, so that only what comes from the input is tracked."""
    return tensor.detach() if tensor.is_leaf and tensor.requires_grad else tensor


@cache
def _body(func: FunctionType) -> FunctionType:
    """Return a function that does not ask whether somebody else wants to answer in its place."""
    alone = {**func.__globals__, **dict.fromkeys(HANDS_ON, _never)}
    body = FunctionType(func.__code__, alone, func.__name__, func.__defaults__, func.__closure__)
    body.__kwdefaults__ = func.__kwdefaults__
    return body


def _never(*_: object) -> bool:
    return False


def _hidden() -> Refused:
    return Refused("the network computes where no rule can see it: in a script, or in an autograd function of its own")


ALIASES: Mapping[str, str] = {
    "concat": "cat",
    "concatenate": "cat",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "true_divide": "div",
    "truediv": "div",
    "clip": "clamp",
    "swapdims": "transpose",
    "swapaxes": "transpose",
    "radd": "add",
    "rmul": "mul",
    "mm": "matmul",
    "bmm": "matmul",
    "mv": "matmul",
    "special_expit": "sigmoid",
    "special_softmax": "softmax",
    "special_erf": "erf",
    "arctan": "atan",
    "negative": "neg",
    "absolute": "abs",
    "safe_softmax": "softmax",
}
"""Operations that have another name, too."""
