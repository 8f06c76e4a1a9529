"""What a part must leave as it was: inputs, network, random state."""

import pickle
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace

import numpy as np
import torch
from torch import Tensor, nn

from ..data import Batch
from ..network import Network
from ._check import demand
from ._questions import Question

State = Mapping[str, object]
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class Sabotage(Exception):  # noqa: N818 - a deed
    """The model fails in the middle of a method, on purpose."""


def inputs(question: Question) -> State:
    """Return the contents of the samples and of their truth."""
    batch = question.batch
    return {f"batch.{name}": value for name, value in [*_tensors(batch), *_tensors(batch.truth)]}


def _tensors(part: object) -> list[tuple[str, object]]:
    if not hasattr(part, "__dataclass_fields__"):
        return []
    values = {item.name: getattr(part, item.name) for item in fields(part)}  # type: ignore[arg-type]
    inner = values.pop("values", {})
    return [(name, _content(value)) for name, value in {**values, **inner}.items() if isinstance(value, Tensor)]


def _content(tensor: Tensor | None) -> object:
    return None if tensor is None else (tensor.shape, tensor.detach().cpu().numpy().tobytes(), tensor.requires_grad)


def network(question: Question) -> State:
    """Return the contents of a network: parameters, their gradients, buffers, modes, hooks."""
    module = question.gate.network.module
    if module is None:
        return {}
    return {
        **{f"the parameter {name}": _content(p) for name, p in module.named_parameters()},
        **{f"the gradient of {name}": _content(p.grad) for name, p in module.named_parameters()},
        **{f"the buffer {name}": _content(b) for name, b in module.named_buffers()},
        **{f"the mode of {name or 'the network'}": part.training for name, part in module.named_modules()},
        **{f"the hooks of {name or 'the network'}": _hooks(part) for name, part in module.named_modules()},
    }


def _hooks(part: nn.Module) -> object:
    return [tuple(getattr(part, kind)) for kind in HOOKS]


def luck(_question: Question | None = None) -> State:
    """Return the global random states."""
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {
        **{f"the random state of cuda:{i}": state.numpy().tobytes() for i, state in enumerate(devices)},
        "torch's random state": torch.get_rng_state().numpy().tobytes(),
        "numpy's random state": pickle.dumps(np.random.get_state()),
        "random's state": random.getstate(),
    }


@contextmanager
def other_luck(seed: int) -> Iterator[None]:
    """Work with other global random states, and put them back."""
    states = np.random.get_state(), random.getstate()
    np.random.seed(seed)
    random.seed(seed)
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])


@contextmanager
def untouched(question: Question, *looks: Callable[[Question], State]) -> Iterator[None]:
    """Demand that the work leaves what is looked at as it was."""
    with other_luck(3):
        before = [look(question) for look in looks]
        yield
        after = [look(question) for look in looks]
    for old, new in zip(before, after, strict=True):
        changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        demand(not changed, f"{', '.join(changed[:3])} changed", "leave everything as it was")


@contextmanager
def sabotaged(question: Question, at: int = 0) -> Iterator[tuple[Question, list[int]]]:
    """Let the model fail at its `at`-th pass, counted from 1; the list holds the number of passes so far."""
    calls = [0]

    def watched(compute: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def attempt(x: Tensor) -> Tensor:
            calls[0] += 1
            if calls[0] == at:
                raise Sabotage
            return compute(x)

        return attempt

    gate = question.gate
    if gate.network.module is None:
        predict = gate.network.predict
        failing = Network(predict=watched(predict) if predict else None)
        yield replace(question, gate=type(gate)(failing, gate.readout, gate.batch_size)), calls
        return
    own = vars(gate.network.module)
    own["forward"] = watched(gate.network.module.forward)
    try:
        yield question, calls
    finally:
        del own["forward"]


def with_batch(question: Question, batch: Batch) -> Question:
    """Return the same question about other samples."""
    return replace(question, batch=batch)
