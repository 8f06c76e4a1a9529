"""The checks that methods and metrics share: everything is left as it was."""

from collections.abc import Callable
from typing import Protocol

from . import _state
from ._questions import Question


class Subject(Protocol):
    """A part on one network."""

    @property
    def make(self) -> Callable[[], Question]:
        """Make the samples and the model anew."""
        ...

    def work(self, question: Question) -> object:
        """Let the part do its work."""
        ...


def inputs(subject: Subject) -> str:
    """Samples and truth are as they were."""
    return _leaves(subject, _state.inputs)


def network(subject: Subject) -> str:
    """Parameters, their gradients, buffers, modes and hooks are as they were."""
    return _leaves(subject, _state.network)


def random_state(subject: Subject) -> str:
    """The global random states of torch, numpy and random are as they were."""
    return _leaves(subject, _state.luck)


def _leaves(subject: Subject, look: Callable[[Question], _state.State]) -> str:
    question = subject.make()
    with _state.untouched(question, look):
        subject.work(question)
    return ""
