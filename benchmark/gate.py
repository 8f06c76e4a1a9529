"""The one gate to a network: every pass goes through it, in batches that fit, and every pass is billed."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .attention import Attentions
from .capabilities import BlackBox, Differentiable, GlassBox, Layered, WhiteBox, require
from .data import Cost
from .errors import Refused
from .layers import captured, layer_of
from .lending import Lent
from .network import Network, check_readout, read_logits, read_out

NUMBERS = 1 << 20
SMALLEST = 64
"""A pass holds about so many numbers, and at least so many inputs."""

BYPASSED = 1e-3
"""The most that logits may move, relative to the largest, when only what a layer gives is left of the input."""

Work = Callable[[Tensor, Tensor], tuple[Tensor, ...]]


@dataclass(slots=True)
class Meter:
    """The passes counted so far, in single inputs; it counts up, and never down."""

    forward: int = 0
    backward: int = 0

    def __setattr__(self, name: str, count: int) -> None:
        if count < (so_far := getattr(self, name, 0)):
            raise ValueError(f"{name} passes would fall from {so_far} to {count}: a meter only counts up")
        object.__setattr__(self, name, count)

    def cost(self) -> Cost:
        """Return what they cost."""
        return Cost(self.forward, self.backward)

    def _back_to(self, cost: Cost) -> None:
        """Forget passes that ran out of memory, and are made again; for the gate alone."""
        object.__setattr__(self, "forward", cost.forward)
        object.__setattr__(self, "backward", cost.backward)


class Gate:
    """A network behind the gate, with one readout; it answers all that its network can (see `capability`).

    Work is cut to `batch_size` inputs a pass (0: as many as their size suggests), halved whenever memory runs out.
    Results are on the device of `x`.
    """

    def __init__(self, network: Network, readout: str = "probability", batch_size: int = 0) -> None:
        check_readout(readout)
        if batch_size < 0:
            raise ValueError(f"batch_size is {batch_size}; give the inputs of a pass, or 0 to let their size decide")
        self.network = network
        self.readout = readout
        self.batch_size = batch_size
        self.meter = Meter()
        self._device = next((p.device for p in network.module.parameters()), None) if network.module else None

    @property
    def capability(self) -> type:
        """The most that this network can answer."""
        if self.network.module is None:
            return BlackBox
        return GlassBox if self.network.layers() else WhiteBox

    @property
    def module(self) -> nn.Module:
        """The network itself; passes that are made with it directly are not billed."""
        if self.network.module is None:
            raise Refused("this model has no module: it only gives scores")
        return self.network.module

    def room(self, x: Tensor) -> int:
        """Return how many inputs like `x` go into a pass."""
        return self.batch_size or max(SMALLEST, NUMBERS * len(x) // max(x.numel(), 1))

    def metered(self) -> "Gate":
        """Return the same gate with a bill of its own."""
        return Gate(self.network, self.readout, self.batch_size)

    def randomized(self, seed: int, names: Collection[str] | None = None) -> "Gate":
        """Return the gate to an untrained copy, or one that is untrained in part; both share one bill."""
        return self.changed(lambda network: network.randomized(seed, names))

    def changed(self, change: Callable[[Network], Network], readout: str = "") -> "Gate":
        """Return the gate to another network, made from this one, or to another readout; both share one bill."""
        other = Gate(change(self.network), readout or self.readout, self.batch_size)
        other.meter = self.meter
        return other

    @contextmanager
    def lent(self, readout: str = "") -> Iterator[Lent]:
        """Lend a copy of the network as one module, for a library to pass inputs through, in batches of its own.

        Its scores (N, K) are this readout, or the gate's; see `Lent` for the bill. Gradient mode is on meanwhile.
        """
        check_readout(readout)
        with torch.enable_grad():
            yield Lent(self.network, readout or self.readout, self.meter)

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits (N, K)."""
        return self._run(lambda part, _: (self._plainly(part),), x, x)[0]

    def masked(self, x: Tensor, kept: Tensor, how: str) -> Tensor:
        """Return the logits (N, K) where the network itself leaves out what is not `kept` (N, E) bool."""
        if how not in self.network.masked:
            known = ", ".join(self.network.masked) or "nothing of the kind"
            raise Refused(f"the model has no {how}, only {known}: choose another imputer")
        return self._run(lambda part, mask: (self._forward(part, how, mask),), x, kept)[0]

    def score(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the readout of the target output, (N,); autograd can differentiate it once."""
        if x.requires_grad and torch.is_grad_enabled():
            score: Tensor = _Bridge.apply(x, target, self)  # type: ignore[no-untyped-call]
            return score
        check_target(x, target)
        return self._run(lambda part, t: (read_out(self._plainly(part), t, self.readout),), x, target)[0]

    def gradient(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the gradient of the target score, like x."""
        return self.score_and_gradient(x, target)[1]

    def score_and_gradient(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the target score (N,) and its gradient (like x) from the same passes."""
        require(self.capability, Differentiable)
        check_target(x, target)
        score, gradient = self._run(self._pull, x, target)
        return score, gradient

    def layers(self) -> tuple[str, ...]:
        """Return the names of the layers with a spatial activation, from the input to the output."""
        return self.network.layers()

    def tap(self, x: Tensor, target: Tensor, layer: str | None = None) -> tuple[Tensor, Tensor]:
        """Return a layer's activation and the score's gradient there, (N, C, h, w); the last layer by default."""
        require(self.capability, Layered)
        check_target(x, target)
        names = self.layers()
        inner = layer_of(self.module, names[-1] if layer is None else layer, names)
        activation, gradient = self._run(lambda part, t: self._pull(part, t, inner), x, target)
        return activation, gradient

    def attention(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the attention maps and the score's gradient there, both (N, L, heads, T, T), the first block first."""
        require(self.capability, Layered)
        check_target(x, target)
        maps, gradients = self._run(self._attend, x, target)
        return maps, gradients

    def places(self, tokens: Tensor) -> Tensor:
        """Return what is known per token (N, T) where the tokens' patches are, (N, 1, h, w)."""
        return self.network.grid(tokens[:, :, None])

    def _attend(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            with Attentions() as seen:
                logits = self._forward(x.detach().requires_grad_())
            if not seen.maps or any(part.shape != (len(x), *seen.maps[0].shape[1:]) for part in seen.maps):
                raise Refused("the model has no attention of all tokens to all others, (N, heads, T, T) in every block")
            self.meter.backward += len(x)
            gradients = torch.autograd.grad(read_out(logits, target, self.readout).sum(), seen.maps)
        return torch.stack(seen.maps, 1).detach(), torch.stack(gradients, 1)

    def inside(self, x: Tensor, layer: str) -> tuple["Gate", Tensor]:
        """Return the model behind a layer, and its input: the layer's activation (N, C, h, w), tokens as (N, C, T).

        Two passes: one for the activation, one to see that the score depends on nothing else; a layer that something
        bypasses is refused. Both gates share one bill.
        """
        inner = layer_of(self.module, layer, self.layers())
        logits, given = self._run(lambda part, _: self._seen(part, inner), x, x)
        anything = self.network.preprocess(self._moved(torch.zeros_like(x[:1])))
        rest = self.changed(lambda network: network.rest(layer, anything, last=self._channels_last(given)))
        activation = given.movedim(-1, 1) if self._channels_last(given) else given
        gap = (rest.logits(activation) - logits).abs().amax(1)
        if bool((gap > BYPASSED * logits.abs().amax(1).clamp(min=1)).any()):
            raise Refused(f"not all of the score passes through {layer!r}: choose a layer that nothing bypasses")
        return rest, activation

    def _channels_last(self, activation: Tensor) -> bool:
        return activation.ndim == 3 or not self.network.grid(activation[:1]).equal(activation[:1])

    def _seen(self, x: Tensor, inner: nn.Module) -> tuple[Tensor, Tensor]:
        with captured(inner) as outputs:
            logits = self._forward(x)
        if len(outputs) != 1:
            raise Refused(f"the layer is passed {len(outputs)} times: choose one that is passed once")
        return logits, outputs[0]

    def _plainly(self, x: Tensor) -> Tensor:
        self.meter.forward += len(x)
        return self.network.logits(x, plain=True)

    def _forward(self, x: Tensor, how: str = "", kept: Tensor | None = None) -> Tensor:
        self.meter.forward += len(x)
        return self.network.logits(x) if kept is None else read_logits(self.network.masked[how](x, kept))

    def _pull(self, x: Tensor, target: Tensor, inner: nn.Module | None = None) -> tuple[Tensor, Tensor]:
        """Return score and input gradient, or an inner layer's activation and gradient."""
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            if inner is None:
                score = read_out(self._forward(leaf), target, self.readout)
                value, point = score, leaf
            else:
                with captured(inner) as outputs:
                    score = read_out(self._forward(leaf), target, self.readout)
                value = point = outputs[-1]
            self.meter.backward += len(x)
            (gradient,) = torch.autograd.grad(score.sum(), point)
        if inner is None:
            return value.detach(), gradient
        return self.network.grid(value.detach()), self.network.grid(gradient)

    def _run(self, work: Work, x: Tensor, beside: Tensor) -> tuple[Tensor, ...]:
        """Do work on inputs and what goes with each, in batches that fit; join the results on the device of `x`."""
        done: list[tuple[Tensor, ...]] = []
        start = 0
        with _evaluating(self.network.module), torch.no_grad():
            while start < len(x) or not done:
                room = self.room(x)
                stop = start + room
                cost = self.meter.cost()
                try:
                    done.append(work(self._moved(x[start:stop]), self._moved(beside[start:stop])))
                except RuntimeError as error:
                    if not _out_of_memory(error) or room == 1:
                        raise
                    self.meter._back_to(cost)
                    self.batch_size = (room + 1) // 2
                    continue
                start = stop
        return tuple(torch.cat(parts).to(x.device) for parts in zip(*done, strict=True))

    def _moved(self, x: Tensor) -> Tensor:
        return x.detach() if self._device is None else x.detach().to(self._device)


class _Bridge(torch.autograd.Function):
    """Autograd through the gate: the forward pass takes score and gradient in batches, the backward one hands it on."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, target: Tensor, gate: Gate) -> Tensor:
        score, gradient = gate.score_and_gradient(x, target)
        ctx.save_for_backward(gradient)
        return score

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * outer.to(gradient.dtype).reshape(-1, *[1] * (gradient.ndim - 1)), None, None


def check_target(x: Tensor, target: Tensor) -> None:
    """Refuse targets that are not one int64 class index per sample."""
    if target.shape != (len(x),) or target.dtype != torch.int64:
        raise ValueError(
            f"target has shape {tuple(target.shape)} and type {target.dtype}; "
            f"expected one int64 class index per sample, shape ({len(x)},)"
        )


@contextmanager
def _evaluating(module: nn.Module | None) -> Iterator[None]:
    """Put every part of a module in evaluation mode, and back as it was."""
    training = [part for part in module.modules() if part.training] if module is not None else []
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
