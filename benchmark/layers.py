"""From the inside of a network: what a layer gives becomes the input of a model of its own (ML-Att)."""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from torch import Tensor, nn

from .errors import Refused


def layer_of(module: nn.Module, name: str, known: tuple[str, ...] = ()) -> nn.Module:
    """Return the part of a module that has this name; where none has, refuse with the nearest ones."""
    parts: dict[str, nn.Module] = dict(module.named_modules())
    if name in parts:
        return parts[name]
    close = get_close_matches(name, parts, n=3)
    near = f"did you mean {' or '.join(close)}? " if close else ""
    raise Refused(f"the model has no layer {name!r}: {near}it has {', '.join(known or parts)}".rstrip(": "))


@contextmanager
def captured(module: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the outputs of a module."""
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: object) -> object:
        kept = output[0] if isinstance(output, tuple) else output
        if not isinstance(kept, Tensor):
            raise Refused(f"the layer returns a {type(output).__name__}, not an activation")
        outputs.append(kept)
        # What follows works on a copy, for it may change its input in place.
        return (kept.clone(), *output[1:]) if isinstance(output, tuple) else kept.clone()

    handle = module.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()


@contextmanager
def replaced(module: nn.Module, output: Tensor) -> Iterator[None]:
    """Let a module give this output, whatever it is given."""

    def give(_module: nn.Module, _inputs: object, original: object) -> object:
        return (output.clone(), *original[1:]) if isinstance(original, tuple) else output.clone()

    handle = module.register_forward_hook(give)
    try:
        yield
    finally:
        handle.remove()


class Rest(nn.Module):
    """A network from one of its layers on: its input is the layer's activation, channels second, (N, C, …)."""

    def __init__(self, module: nn.Module, layer: str, given: Tensor, last: bool) -> None:
        super().__init__()
        self.network, self.layer = module, layer
        self.given = given
        """The input that the network itself is given, which must make no difference."""
        self.last = last
        """Whether the layer has channels last."""

    def raw(self, activation: Tensor) -> Tensor:
        """Return an activation as the layer itself gives it."""
        return activation.movedim(1, -1) if self.last else activation

    def forward(self, activation: Tensor) -> object:
        """Return what the network makes of its layer's activation."""
        given = self.given.to(activation.device).expand(len(activation), *self.given.shape[1:])
        with replaced(self.network.get_submodule(self.layer), self.raw(activation)):
            return self.network(given)
