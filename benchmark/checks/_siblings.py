"""The truth about other networks: the same question, about the same samples, to each network that it is put to."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch

from ..data import Batch
from ..errors import Refused
from ..gate import Gate
from ..question import Model, Task, tasks
from ._judge import Values, values_of

OWN, SAME = "its own prediction", "the same target"
"""A question as it is put to another network."""


def siblings(task: Task) -> Iterator[Task]:
    """Return the tasks that put the same question to other networks, of which none shares weights with the task's."""
    own = _weights(task.model)
    for name in tasks:
        other = tasks[name]
        if other.function is task.function and other.name != task.name and own.isdisjoint(_weights(other.model)):
            yield other


def _weights(model: Model) -> frozenset[object]:
    return frozenset(card["sha256"] for card in (model.card, *model.beside) if card.get("sha256"))


def truths_of(other: Task, batch: Batch, like: Values) -> dict[str, Values]:
    """Return the truth about another network, of a batch's samples: of their targets, and of what it predicts itself.

    A network that cannot be asked about them, or in whose answer the parts are others, is Refused.
    """
    gate, samples = _gate(other), replace(batch, truth=None)
    logits = gate.logits(batch.x)
    asked = torch.unique(batch.target[batch.target < logits.shape[1]])
    if not len(asked):
        raise Refused("it has none of the outputs that the samples are asked about")
    found = {OWN: asked[logits[:, asked].argmax(1)]}
    if int(batch.target.max()) < logits.shape[1]:
        found[SAME] = batch.target
    values = {what: _values(other, gate, replace(samples, target=target)) for what, target in found.items()}
    if any([part.shape for part in each] != [part.shape for part in like] for each in values.values()):
        raise Refused("its truth has other parts")
    return values


def mean_of(networks: Iterable[Values]) -> Values:
    """Return the mean of the truths about several networks."""
    return [torch.stack(each).mean(0) for each in zip(*networks, strict=True)]


def _gate(task: Task) -> Gate:
    """Return the gate to a task's network; one that is not there, or whose weights are missing, is Refused."""
    try:
        return task.gate()
    except ValueError as error:
        raise Refused(f"{task.model.name} cannot be built") from error


def _values(task: Task, gate: Gate, batch: Batch) -> Values:
    truth = task.function(gate, batch)
    if truth is None:
        raise Refused("it tells no truth about these samples")
    return values_of(truth)
