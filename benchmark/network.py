"""A network as the gate sees it: what computes, what it expects, how its output is read."""

from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from .layers import Rest
from .randomness import seed_of


def _same(x: Tensor) -> Tensor:
    return x


class Fast(Protocol):
    """A faster equivalent of a `module` in evaluation mode, where no gradient is asked for."""

    module: nn.Module

    def __call__(self, x: Tensor) -> object:
        """Return what the module gives for what it expects."""
        ...


class Evidential:
    """A head of a `module`: from what its last linear layer is given to the evidence for each class, as logits.

    It is a copy, in double precision and evaluation mode, and asks for no gradient.
    """

    def __init__(self, module: nn.Module, head: nn.Module) -> None:
        self.module = module
        self._head = deepcopy(head).cpu().double().eval().requires_grad_(False)

    def __call__(self, features: Tensor) -> Tensor:
        """Return the evidence logits (…, K) of features (…, F)."""
        flat = features.detach().cpu().double().flatten(0, -2)
        try:
            logits: Tensor = self._head(flat)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"the evidential head does not take the model's {flat.shape[1]} features: {reason}"
            ) from error
        return logits.reshape(*features.shape[:-1], -1).to(features.device)


Masked = Callable[[Tensor, Tensor], object]
"""Inputs in data space and their `kept` elements (N, E) bool to whatever the network returns without the others."""


@dataclass(frozen=True, slots=True)
class Network:
    """A model before it stands behind the gate; exactly one of `module` and `predict` computes.

    `preprocess` turns data space into what the module expects (resize, normalise) and is differentiable.
    `layers` lists the layers with a spatial activation; `grid` turns such an activation to (N, C, h, w).
    """

    module: nn.Module | None = None
    predict: Callable[[Tensor], Tensor] | None = None
    """Data space (N, …) to probabilities (N, K), for models without gradients."""
    preprocess: Callable[[Tensor], Tensor] = _same
    layers: Callable[[], tuple[str, ...]] = tuple
    grid: Callable[[Tensor], Tensor] = _same
    masked: Mapping[str, Masked] = field(default_factory=dict, hash=False)
    """The ways, by name, in which the network itself can leave elements out."""
    fast: Fast | None = None
    """The substitute for its own module, and for no other, in plain passes."""
    evidential: Evidential | None = None
    """The head that tells evidence from the features of its own module, and of no other."""

    def __post_init__(self) -> None:
        """Refuse a network that computes in two ways, or in none."""
        if (self.module is None) == (self.predict is None):
            raise ValueError("a Network needs either a module or a predict function")

    def logits(self, x: Tensor, plain: bool = False) -> Tensor:
        """Return logits (N, K) of inputs in data space; log probabilities where the model gives probabilities.

        A `plain` pass may take a faster way than through the module.
        """
        if self.predict is not None:
            return self.predict(x.detach().clone()).clamp(min=1e-12).log()
        if self.module is None:
            raise ValueError("the network has neither a module nor a predict function")
        run: Callable[[Tensor], object] = self.module
        if plain and self.fast is not None and self.fast.module is self.module and not torch.is_grad_enabled():
            run = self.fast
        given = self.preprocess(x)
        # A copy, for a network may work in place on its input.
        same = given.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
        return read_logits(run(given.clone() if same else given))

    def rest(self, layer: str, given: Tensor, last: bool) -> "Network":
        """Return what follows a layer: a network of the layer's activation, channels second; see `Gate.inside`."""
        if self.module is None:
            raise ValueError("a model without a module has no layers")
        rest = Rest(self.module, layer, given, last)
        return Network(rest, grid=lambda activation: self.grid(rest.raw(activation)))

    def randomized(self, seed: int, names: Collection[str] | None = None) -> "Network":
        """Return a copy with every parameter, or those of these `names`, drawn anew; the global random state stays.

        Each is drawn from its own stream, so it does not depend on which others are; bare parameters are drawn, too.
        """
        if self.module is None:
            raise ValueError("a model without a module has no parameters to draw anew")
        module = deepcopy(self.module)
        wanted = [name for name, _ in module.named_parameters() if names is None or name in names]
        drawn = {name: _drawn(module, name, seed) for name in wanted}
        with torch.no_grad():
            for name, values in drawn.items():
                module.get_parameter(name).copy_(values)
        for owner in {name.rpartition(".")[0] for name in wanted}:
            if callable(forget := getattr(module.get_submodule(owner), "reset_running_stats", None)):
                forget()
        return replace(self, module=module, masked={}, fast=None, evidential=None)


def _drawn(module: nn.Module, name: str, seed: int) -> Tensor:
    """Return a parameter as its layer's own reset draws it, or else as normal noise of its own standard deviation."""
    owner, _, own = name.rpartition(".")
    layer = deepcopy(module.get_submodule(owner))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed_of(seed, name))
        parameter = layer.get_parameter(own)
        parameter.normal_(0.0, _scale(parameter))
        if callable(reset := getattr(layer, "reset_parameters", None)):
            reset()
    return layer.get_parameter(own).detach()


def _scale(parameter: Tensor) -> float:
    spread = float(parameter.std()) if parameter.numel() > 1 else 0.0
    return spread or 0.02


def read_logits(output: object) -> Tensor:
    """Return the logits (N, K) in whatever a network returns: a tensor, a tuple, a dict, a Hugging Face ModelOutput.

    A single output unit z is read as two classes with logits -z/2 and z/2, so that the probability of class 1 is
    sigmoid(z). Anything without a tensor of logits is a TypeError.
    """
    tensor = _first_tensor(output)
    if tensor is None or tensor.ndim not in (1, 2):
        shape = f" of shape {tuple(tensor.shape)}" if tensor is not None else ""
        raise TypeError(
            f"the model returned a {type(output).__name__}{shape}; expected logits of shape (N, K), alone, first in a "
            "tuple, or under `logits`: wrap the model in a module that returns them"
        )
    logits = tensor[:, None] if tensor.ndim == 1 else tensor
    return torch.cat([-logits / 2, logits / 2], 1) if logits.shape[1] == 1 else logits


def _first_tensor(output: object) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    if isinstance(getattr(output, "logits", None), Tensor):
        return output.logits  # type: ignore[attr-defined,no-any-return]
    if isinstance(output, Mapping):
        output = [output["logits"]] if "logits" in output else list(output.values())
    if isinstance(output, (tuple, list)):
        return next((item for item in output if isinstance(item, Tensor)), None)
    return None


READOUTS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "probability": lambda z, t: z.softmax(1).gather(1, t)[:, 0],
    "logit": lambda z, t: z.gather(1, t)[:, 0],
    "log_odds": lambda z, t: z.gather(1, t)[:, 0] - _others(z, t).logsumexp(1),
    "margin": lambda z, t: z.gather(1, t)[:, 0] - _others(z, t).amax(1),
}
"""Functions from logits (N, K) and targets (N, 1) to one number per sample."""


def check_readout(readout: str) -> None:
    """Refuse a readout that is not known; an empty one stands for a default."""
    if readout and readout not in READOUTS:
        raise ValueError(f"readout {readout!r} is unknown; choose one of {', '.join(READOUTS)}")


def _others(logits: Tensor, target: Tensor) -> Tensor:
    return logits.scatter(1, target, float("-inf"))


def read_out(logits: Tensor, target: Tensor, readout: str) -> Tensor:
    """Return the target's readout (N,), in double precision; a target that the model has no output for is a ValueError.

    A probability near 1 leaves single precision no digits to tell a small change, or a gradient, from rounding.
    """
    count = logits.shape[1]
    if target.numel() and not 0 <= int(target.min()) <= int(target.max()) < count:
        raise ValueError(
            f"target {int(target.max() if int(target.max()) >= count else target.min())} is out of range: "
            f"the model has {count} outputs, so targets are 0..{count - 1}"
        )
    precise = logits if logits.device.type == "mps" else logits.double()
    return READOUTS[readout](precise, target[:, None].to(logits.device))
