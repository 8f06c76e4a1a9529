"""What a method may ask of a model: its annotation is a declaration, and the view that it is handed a permission."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor, nn

from .errors import Refused


class BlackBox(Protocol):
    """A model that can only be asked for scores."""

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


class WhiteBox(Layered, Protocol):
    """A model that can be taken apart."""

    @property
    def module(self) -> nn.Module:
        """The network itself."""
        ...

    def randomized(self, seed: int) -> "WhiteBox":
        """Return a copy with every parameter drawn anew, as if it had never been trained."""
        ...


LADDER: tuple[type, ...] = (BlackBox, Differentiable, Layered, WhiteBox)


def members(capability: type) -> frozenset[str]:
    """Return the public names that a capability answers."""
    return frozenset(name for name in dir(capability) if not name.startswith("_"))


def includes(available: type, wanted: type) -> bool:
    """Return whether a model of one capability can answer what another asks."""
    return wanted in available.__mro__


class View:
    """A model that answers what one capability allows, and nothing else."""

    __slots__ = ("_allowed", "_answers")

    def __init__(self, model: WhiteBox, capability: type) -> None:
        allowed = members(capability)
        self._allowed = capability.__name__

        def answers(name: str) -> object:
            return _answer(model, capability, name) if name in allowed else None

        self._answers: Callable[[str], object] = answers

    def __getattr__(self, name: str) -> object:
        """Return what the capability allows; refuse the rest with the annotation that would allow it."""
        answer = self._answers(name)
        if answer is not None:
            return answer
        enough = [c.__name__ for c in LADDER if name in members(c)]
        advice = f"annotate it `model: {enough[0]}`" if enough else "no capability offers it"
        raise AttributeError(f"the method declares `model: {self._allowed}`, which has no {name!r}: {advice}")


def _answer(model: WhiteBox, capability: type, name: str) -> object:
    """Return what a model answers, no more than a capability offers: autograd ends at the scores of a black box."""
    if name == "score" and capability is BlackBox:
        return lambda x, target: model.score(x.detach(), target)
    if name == "randomized":
        return lambda seed: View(model.randomized(seed), capability)
    return getattr(model, name)


def require(available: type, wanted: type) -> None:
    """Refuse a model that cannot answer what a part wants."""
    if not includes(available, wanted):
        raise Refused(f"needs a {wanted.__name__} model, this one is only {available.__name__}")
