"""The guard: a part leaves networks, samples and all that is global as they were, or it has failed."""

import builtins
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from . import settings
from .data import Batch
from .dependencies import PACKAGE
from .network import Network
from .settings import State

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
FEW = 3
"""The most changes that a reason names."""


class Moved(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """A part changed what is not its own; the message names what."""

    def __init__(self, world: list[str], own: list[str], before: State) -> None:
        names = [*own, *world]
        more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
        super().__init__(f"it changed {', '.join(names[:FEW])}{more}: leave everything as it was")
        self.spoilt = bool(own)
        """Whether the network or the samples moved, so that they must be made anew."""
        self.before = before
        """The values before the change."""


def moved(before: State, after: State) -> list[str]:
    """Return the names of what differs."""
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def of_network(network: Network) -> State:
    """Return what a network is: parameters, their gradients, buffers, structure, settings, modes, hooks."""
    module = network.module
    if module is None:
        return {}
    parts = [(name or "the network", part) for name, part in module.named_modules()]
    return {
        **{f"the parameter {name}": _content(value) for name, value in module.named_parameters()},
        **{f"the gradient of {name}": _content(value.grad) for name, value in module.named_parameters()},
        **{f"the buffer {name}": _content(value) for name, value in module.named_buffers()},
        **{f"the mode of {name}": part.training for name, part in parts},
        **{f"the hooks of {name}": _hooks(part) for name, part in parts},
        **{f"the structure of {name}": _structure(part) for name, part in parts},
    }


def same_weights(network: Network, before: State) -> bool:
    """Return whether a network has the parameters and buffers that it had."""
    now = of_network(network)
    return all(now.get(name) == value for name, value in before.items() if name.startswith(("the param", "the buffer")))


def _hooks(part: nn.Module) -> object:
    return [tuple(getattr(part, kind).items()) for kind in HOOKS]


def _structure(part: nn.Module) -> object:
    return type(part), tuple(part._modules), part.extra_repr(), vars(part).get("forward")


def of_batch(batch: Batch, *, quick: bool = False) -> State:
    """Return what the samples hold, and their truth; `quick`: whether torch has written there, and no more."""
    look = _version if quick else _content
    truth = {f"truth.{name}": value for name, value in _tensors(batch.truth).items()}
    return {f"batch.{name}": look(value) for name, value in {**_tensors(batch), **truth}.items()}


def _tensors(part: object) -> dict[str, Tensor]:
    if not hasattr(part, "__dataclass_fields__"):
        return {}
    values = {item.name: getattr(part, item.name) for item in fields(part)}  # type: ignore[arg-type]
    inner = values.pop("values", {})
    return {name: value for name, value in {**values, **inner}.items() if isinstance(value, Tensor)}


def _version(tensor: Tensor) -> object:
    return tensor.data_ptr(), tensor.shape, 0 if tensor.is_inference() else tensor._version


def _content(tensor: Tensor | None) -> object:
    """Return what tells a tensor from another: its numbers as a checksum, and how they are kept."""
    if tensor is None:
        return None
    kept = tensor.dtype, tensor.shape, tensor.stride(), tensor.device, tensor.requires_grad
    if tensor.device.type == "meta" or tensor.layout is not torch.strided:
        return kept
    return *kept, zlib.crc32(_bytes(tensor))


def _bytes(tensor: Tensor) -> memoryview:
    """Return the numbers of a tensor in the order in which they lie, which spares a copy where they lie together."""
    plain = tensor.detach().cpu()
    order = sorted(range(plain.ndim), key=plain.stride, reverse=True)
    return plain.permute(order).contiguous().view(-1).view(torch.uint8).numpy().data


def names() -> list[tuple[Any, dict[str, object]]]:
    """Return what the names in torch, numpy and this package stand for: functions, classes, and their own functions."""
    return [(owner, {name: value for name, value in vars(owner).items() if callable(value)}) for owner in _owners()]


def _owners() -> Iterator[Any]:
    yield from (builtins, torch, torch.nn.functional, torch.linalg, torch.autograd, np, np.linalg, Tensor, nn.Module)
    for name, module in [*sys.modules.items()]:
        if name.startswith(f"{PACKAGE}."):
            yield module
            yield from (each for each in vars(module).values() if isinstance(each, type) and each.__module__ == name)


def rebound(before: list[tuple[Any, dict[str, object]]]) -> list[str]:
    """Return the names that stand for something else than before, after putting them back; new ones are no matter."""
    found = []
    for owner, known in before:
        bases = owner.__mro__[1:] if isinstance(owner, type) else ()
        hidden = [name for base in bases for name in {*vars(owner)} & {*vars(base)}]
        for name in {name for name in hidden if callable(vars(owner)[name])} - {*known}:
            delattr(owner, name)
            found.append(f"{owner.__name__}.{name}")
        for name, value in known.items():
            if vars(owner).get(name) is not value:
                setattr(owner, name, value)
                found.append(f"{owner.__name__}.{name}")
    return found


@contextmanager
def watched(network: Network | None = None, batch: Batch | None = None, *, strict: bool = False) -> Iterator[None]:
    """Raise Moved when the work leaves anything changed; what is global is put back.

    `strict`, for the code of strangers, also looks for names that were bound anew, threads that live on, and numbers
    that were written past torch. What a library does to warnings and the environment while it is imported is its own.
    """

    def look() -> State:
        try:
            return {**(of_network(network) if network else {}), **(of_batch(batch, quick=not strict) if batch else {})}
        except Exception as error:  # noqa: BLE001 - it may be in any state
            return {"the structure of the network": repr(error)}

    imports, threads = len(sys.modules), set(threading.enumerate())
    world, own, known = settings.read(), look(), names() if strict else []

    def check(error: BaseException | None = None) -> None:
        imported = len(sys.modules) > imports
        found = settings.put_back(world, imported=imported) + ([] if imported else rebound(known))
        alive = [each for each in set(threading.enumerate()) - threads if strict and not each.daemon]
        found += [f"the threads ({each.name} lives on)" for each in alive]
        spoilt = moved(own, look())
        if found or spoilt:
            raise Moved(found, spoilt, own) from error

    try:
        yield
    except KeyboardInterrupt:
        settings.put_back(world)
        raise
    except BaseException as error:
        check(error)
        raise
    check()
