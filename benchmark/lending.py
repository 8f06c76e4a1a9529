"""A network as other libraries want it: one module, in evaluation mode, from inputs to scores of all classes."""

from collections.abc import Mapping
from copy import deepcopy
from types import CellType, FunctionType, MethodType
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from .errors import Refused
from .layers import layer_of
from .network import READOUTS, Network, read_logits


class Bill(Protocol):
    """Where passes are counted, in single inputs."""

    forward: int
    backward: int


class Lent(nn.Module):
    """A copy of a network, from inputs in data space to the readout of every class (N, K), on the device of the input.

    It is `after(before(x))`, for those who must not see the preprocessing. Every input is billed as it passes forward,
    and again each time that gradients come back to the scores that it was passed with.
    """

    def __init__(self, network: Network, readout: str, bill: Bill) -> None:
        super().__init__()
        if network.module is None:
            raise Refused("this model has no module: it only gives scores")
        self.before = Before(network)
        self.after = After(_aside(network.module), readout, bill)
        self.grid = network.grid
        self.eval()

    def layer(self, name: str) -> nn.Module:
        """Return the part that has this name in the network."""
        return layer_of(self.after.inner, name)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores (N, K)."""
        scores: Tensor = self.after(self.before(x))
        return scores.to(x.device)


class Before(nn.Module):
    """The preprocessing of inputs: from data space to what the network expects, on its device."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        parameters = network.module.parameters() if network.module is not None else iter(())
        self.device = next((part.device for part in parameters), None)
        self.preprocess = network.preprocess

    def forward(self, x: Tensor) -> Tensor:
        """Return what the network is handed; a copy, for it may work in place on its input."""
        return self.preprocess(x.to(self.device).clone())


class After(nn.Module):
    """A network with its readout, and the bill."""

    def __init__(self, inner: nn.Module, readout: str, bill: Bill) -> None:
        super().__init__()
        self.inner, self.readout, self.bill = inner, readout, bill

    def forward(self, prepared: Tensor) -> Tensor:
        """Return the scores (N, K)."""
        self.bill.forward += len(prepared)
        scores = read_out_all(read_logits(self.inner(prepared)), self.readout)
        if scores.requires_grad:
            scores.register_hook(self._returned)  # type: ignore[no-untyped-call]
        return scores

    def _returned(self, gradient: Tensor) -> None:
        self.bill.backward += len(gradient)


def read_out_all(logits: Tensor, readout: str) -> Tensor:
    """Return the readout of every class (N, K), in double precision; see `read_out`."""
    precise = logits if logits.device.type == "mps" else logits.double()
    count = precise.shape[1]
    every = torch.arange(count, device=precise.device).repeat(len(precise))[:, None]
    return READOUTS[readout](precise.repeat_interleave(count, 0), every).reshape(precise.shape)


def _aside(module: nn.Module) -> nn.Module:
    """Return a copy of a network that asks for no gradient of its parameters and does nothing in place.

    Libraries hold on to what goes in and out of its parts, so that must not be overwritten.
    """
    memo: dict[int, Any] = {}
    copy = deepcopy(module, memo)
    for part in copy.modules():
        if getattr(part, "inplace", False) is True:
            part.inplace = False  # type: ignore[assignment]
        if isinstance(forward := vars(part).get("forward"), FunctionType):
            vars(part)["forward"] = _rebound(forward, memo)
    return copy.requires_grad_(False)


def _rebound(function: FunctionType, memo: Mapping[int, Any]) -> FunctionType:
    """Return a function with the copies of the modules that it encloses.

    Copying leaves functions as they are: one that was put in place of a module's own forward would go on to call the
    original's.
    """
    cells = [CellType(_copied(cell.cell_contents, memo)) for cell in function.__closure__ or ()]
    own = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, tuple(cells))
    own.__kwdefaults__ = function.__kwdefaults__
    return own


def _copied(content: object, memo: Mapping[int, Any]) -> object:
    if isinstance(content, MethodType):
        return MethodType(content.__func__, memo.get(id(content.__self__), content.__self__))
    return memo.get(id(content), content) if isinstance(content, nn.Module) else content
