"""Capabilities of a model: a method's annotation declares the one it asks for, and its view permits no more."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Protocol

from torch import Tensor, nn

from .errors import Refused
from .lending import Lent
from .network import Network


class BlackBox(Protocol):
    """A model that can only be asked for its outputs."""

    @property
    def readout(self) -> str:
        """The task's readout of the outputs: the probability, the logit, …"""
        ...

    def logits(self, x: Tensor) -> Tensor:
        """Return all outputs, (N, K)."""
        ...

    def score(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the task's readout of the target output, (N,)."""
        ...


class Differentiable(BlackBox, Protocol):
    """A model with gradients; its `score` can be differentiated once with autograd, too."""

    def gradient(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the gradient of the target score, like x."""
        ...


class Layered(Differentiable, Protocol):
    """A model whose inner layers can be read."""

    def layers(self) -> tuple[str, ...]:
        """Return the names of the layers with a spatial activation, from the input to the output."""
        ...

    def tap(self, x: Tensor, target: Tensor, layer: str | None = None) -> tuple[Tensor, Tensor]:
        """Return a layer's activation and the target score's gradient there, both (N, C, h, w); the last by default."""
        ...

    def attention(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the attention maps and the score's gradient there, both (N, L, heads, T, T), the first block first."""
        ...

    def places(self, tokens: Tensor) -> Tensor:
        """Return what is known per token (N, T) where the tokens' patches are, (N, 1, h, w)."""
        ...


class WhiteBox(Differentiable, Protocol):
    """A model that can be taken apart."""

    @property
    def module(self) -> nn.Module:
        """The network itself."""
        ...

    def masked(self, x: Tensor, kept: Tensor, how: str) -> Tensor:
        """Return all outputs (N, K) where the network itself leaves out what is not `kept` (N, E) bool."""
        ...

    def randomized(self, seed: int, names: Collection[str] | None = None) -> "WhiteBox":
        """Return a copy with every parameter, or those of these names, drawn anew, as if it had never been trained."""
        ...

    def lent(self, readout: str = "") -> AbstractContextManager[Lent]:
        """Lend a copy as one module, from inputs to a readout of every class (N, K), for a library to work with."""
        ...

    def inside(self, x: Tensor, layer: str) -> "tuple[WhiteBox, Tensor]":
        """Return the model behind a layer, and its input: the layer's activation (N, C, h, w), tokens as (N, C, T)."""
        ...

    def changed(self, change: Callable[[Network], Network], readout: str = "") -> "WhiteBox":
        """Return another network, made from this one, behind the same gate; the bill is shared."""
        ...


class GlassBox(Layered, WhiteBox, Protocol):
    """A model whose inner layers can be read, and that can be taken apart."""

    def changed(self, change: Callable[[Network], Network], readout: str = "") -> "GlassBox":
        """Return another network, made from this one, behind the same gate; the bill is shared."""
        ...


LADDER: tuple[type, ...] = (BlackBox, Differentiable, Layered, WhiteBox, GlassBox)
"""The capabilities, from the least to the most; neither of Layered and WhiteBox includes the other."""


def members(capability: type) -> frozenset[str]:
    """Return the public names that a capability answers."""
    return frozenset(name for name in dir(capability) if not name.startswith("_"))


def includes(available: type, wanted: type) -> bool:
    """Return whether a model of one capability can answer what another asks."""
    return wanted in available.__mro__


_KEY = object()
"""The key with which the harness asks a view for the model behind it."""


class View:
    """A model that answers what one capability allows, and nothing else."""

    __slots__ = ("_allowed", "_answers")

    def __init__(self, model: GlassBox, capability: type) -> None:
        allowed = members(capability)
        self._allowed = capability.__name__

        def answers(name: object) -> object:
            if name is _KEY:
                return model
            return _answer(model, capability, str(name)) if name in allowed else None

        self._answers: Callable[[object], object] = answers

    def __getattr__(self, name: str) -> object:
        """Return what the capability allows; refuse the rest with the annotation that would allow it."""
        answer = self._answers(name)
        if answer is not None:
            return answer
        enough = [c.__name__ for c in LADDER if name in members(c)]
        advice = f"annotate it `model: {enough[0]}`" if enough else "no capability offers it"
        raise AttributeError(f"the method declares `model: {self._allowed}`, which has no {name!r}: {advice}")


def behind(view: View) -> object:
    """Return the model behind a view, for the harness to work with."""
    return view._answers(_KEY)


def _answer(model: GlassBox, capability: type, name: str) -> object:
    """Return what a model answers, no more than a capability offers: autograd ends at the scores of a black box."""
    answer = getattr(model, name)
    if name == "score" and capability is BlackBox:
        return lambda x, target: answer(x.detach(), target)
    if name in ("randomized", "changed"):
        return lambda *asked, **also: View(answer(*asked, **also), capability)
    if name == "inside":
        return lambda *asked: _viewed(*answer(*asked))
    return answer


def _viewed(model: GlassBox, activation: Tensor) -> tuple[View, Tensor]:
    return View(model, WhiteBox), activation


def require(available: type, wanted: type) -> None:
    """Refuse a model that cannot answer what a part wants."""
    if not includes(available, wanted):
        raise Refused(f"needs a {wanted.__name__} model, this one is only {available.__name__}")
