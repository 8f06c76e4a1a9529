"""Batch norms folded into the convolutions before them: the same scores from fewer operations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..benchmark import read_logits

NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
CONVOLUTIONS: Final = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
SAME: Final = 1e-4
"""The most that logits of a trial may be off the module's own, relative to the largest: rounding, and no more."""


class Folded:
    """A faster equivalent of a module in evaluation mode, where no gradient is asked for.

    It is made at the first need, and made anew when a parameter, a statistic or a hook of the module has changed. Which
    batch norm follows which convolution is seen in a trial pass; where the folded copy does not give the module's
    logits there, as when a convolution's output goes somewhere else, too, the module itself is used.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._state: tuple[object, ...] = ()
        self._run: Callable[[Tensor], object] = module

    def __call__(self, x: Tensor) -> object:
        """Return what the module gives for what it expects."""
        if self._state != (state := _state(self.module)):
            self._state, self._run = state, _folded(self.module, x[:2])
        return self._run(x)


def foldable(module: nn.Module) -> Folded | None:
    """Return the faster form of a module that has batch norms; None for any other."""
    return Folded(module) if any(isinstance(part, NORMS) for part in module.modules()) else None


def _state(module: nn.Module) -> tuple[object, ...]:
    """Return what changes when a parameter or a buffer is moved, replaced or written to, or a hook comes or goes."""
    values = (*module.parameters(), *module.buffers())
    return (*((id(value), value._version, value.device) for value in values), *map(_hooks, module.modules()))


def _hooks(part: nn.Module) -> tuple[int, ...]:
    return (*part._forward_hooks, *part._forward_pre_hooks)


def _folded(module: nn.Module, x: Tensor) -> nn.Module:
    """Return a folded copy of a module, or the module itself where that would not be the same."""
    pairs = list(_pairs(module, x))
    copy = deepcopy(module).eval()
    for norm, convolution in pairs:
        both: tuple[Any, Any] = copy.get_submodule(convolution), copy.get_submodule(norm)
        _put(copy, convolution, fuse_conv_bn_eval(*both))
        _put(copy, norm, nn.Identity())
    if not pairs:
        return module
    if x.ndim == 4 and x.device.type == "cpu":
        copy.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    wanted, found = read_logits(module(x)), read_logits(copy(x))
    near = (found - wanted).abs().amax() <= SAME * wanted.abs().amax().clamp(min=1)
    return copy if near else module


def _pairs(module: nn.Module, x: Tensor) -> Iterator[tuple[str, str]]:
    """Yield the name of each batch norm that is passed once, with that of the convolution whose output it is given."""
    made: dict[int, list[str]] = {}
    given: dict[str, list[int]] = {}
    kept: list[object] = []
    """Everything that was seen, so that no two things have one identity."""

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], object], None]:
        def seen(part: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
            kept.extend((inputs, output))
            if isinstance(part, CONVOLUTIONS):
                made.setdefault(id(output), []).append(name)
            elif isinstance(part, NORMS):
                given.setdefault(name, []).append(id(inputs[0]))

        return seen

    with _watched(module, watch):
        module(x)
    calls = [name for names in made.values() for name in names]
    for norm, sources in given.items():
        origin = made.get(sources[0], [])
        if len(sources) == len(origin) == 1 and calls.count(origin[0]) == 1 and _plain(module.get_submodule(norm)):
            yield norm, origin[0]


def _plain(norm: nn.Module) -> bool:
    """Return whether a norm is no more than its arithmetic: timm's subclasses have an activation in them."""
    return type(norm) in NORMS and getattr(norm, "running_mean", None) is not None


@contextmanager
def _watched(module: nn.Module, watch: Callable[[str], Callable[..., None]]) -> Iterator[None]:
    found = ((name, part) for name, part in module.named_modules() if isinstance(part, (*NORMS, *CONVOLUTIONS)))
    parts = [(name, part) for name, part in found if not _hooks(part)]
    handles = [part.register_forward_hook(watch(name)) for name, part in parts]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _put(module: nn.Module, name: str, part: nn.Module) -> None:
    owner, _, own = name.rpartition(".")
    setattr(module.get_submodule(owner), own, part)
