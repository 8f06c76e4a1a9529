"""The checks that methods and metrics share."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from ..settings import State
from . import _state
from ._check import demand, named
from ._questions import Question


class Subject(Protocol):
    """A part on one network."""

    @property
    def make(self) -> Callable[[], Question]:
        """Make the samples and the model anew."""
        ...

    @property
    def first(self) -> object:
        """The part's answer, in the ordinary way."""
        ...

    def work(self, question: Question) -> object:
        """Let the part do its work."""
        ...


def answers(subjects: Iterable[Subject]) -> str:
    """At least one question is answered and not refused; else nothing at all was checked."""
    outcomes = [named("first", partial(_first, subject))[1]() for subject in subjects]
    refusals = "; ".join(dict.fromkeys(outcome.reason for outcome in outcomes))
    answered = not all(outcome.skipped for outcome in outcomes)
    demand(answered, f"every question is refused, so nothing was checked: {refusals}")
    return ""


def _first(subject: Subject) -> str:
    _ = subject.first
    return ""


def inputs(subject: Subject) -> str:
    """Samples and truth are as they were."""
    return _leaves(subject, _state.inputs)


def network(subject: Subject) -> str:
    """Parameters, their gradients, buffers, modes and hooks are as they were."""
    return _leaves(subject, _state.network)


def random_state(subject: Subject) -> str:
    """The random states of torch, numpy and random, and all other global settings, are as they were."""
    return _leaves(subject, _state.luck)


def _leaves(subject: Subject, look: Callable[[Question], State]) -> str:
    question = subject.make()
    with _state.untouched(question, look):
        subject.work(question)
    return ""
