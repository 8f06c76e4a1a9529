"""The checks' view of what a part must leave as it was: inputs, network, everything global."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from .. import guard, settings
from ..data import Batch
from ..network import Network
from ..settings import State
from ._check import demand
from ._questions import Question


class Sabotage(Exception):  # noqa: N818 - a deed
    """The model fails in the middle of a method, on purpose."""


def inputs(question: Question) -> State:
    """Return the contents of the samples and of their truth."""
    return guard.of_batch(question.batch)


def network(question: Question) -> State:
    """Return the contents of a network: parameters, their gradients, buffers, structure, modes, hooks."""
    return guard.of_network(question.gate.network)


def luck(_question: Question | None = None) -> State:
    """Return the global random states, and all else that is global and that no import changes."""
    return settings.read({name: each for name, each in settings.SETTINGS.items() if not each.imports})


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
        changed = guard.moved(old, new)
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
