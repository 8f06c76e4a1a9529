"""The contract of a method, as named checks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.util import find_spec
from typing import Any

from torch import Tensor

from ..capabilities import BlackBox
from ..data import Cost
from ..errors import Refused
from ..gate import Gate
from ..harness import Asked, explain
from ..registry import Method, methods
from ..units import element_count, per_unit, unit_count
from . import _shared, _state
from ._check import Broken, Check, NamedCheck, concluded, demand, named
from ._questions import METHOD_QUESTIONS, Make, Question
from ._shared import inputs, network, random_state

CLOSE = 1e-5
"""The most that a map may move by rounding, relative to its largest value."""
SAME_RANK = 1e-6
"""Units closer than this, relative to the largest value, may change places."""
BUDGET = 40
"""The budget of a method that has one, unless it is told otherwise: the contract holds for any."""


def check_method(
    function: Callable[..., Any] | Method | str, *, raises: bool = True, **settings: object
) -> list[Check]:
    """Check the contract of a method: a function, registered or not, or the name of a registered one.

    Raises an AssertionError that names every failed check; with `raises=False`, failures are only among what it
    returns.
    """
    checks = [check() for _, check in method_checks(function, **settings)]
    return concluded(as_method(function).name, checks, raises)


def method_checks(function: Callable[..., Any] | Method | str, **settings: object) -> list[NamedCheck]:
    """Return the contract of a method as checks that have not been run yet, on every network that it can explain."""
    method = as_method(function)
    chosen = method.with_defaults({**economical(method), **settings})
    subjects = {name: Subject(method, chosen, make) for name, make in METHOD_QUESTIONS.items()}
    single = [
        named(f"{name}[{where}]", partial(check, subject))
        for where, subject in subjects.items()
        for name, check in CHECKS.items()
    ]
    asked = list(subjects.values())
    return [*single, named("seed", partial(seed, asked)), named("answers", partial(answers, asked))]


def economical(method: Method) -> dict[str, int]:
    """Return the settings with which a method costs little."""
    return {"budget": BUDGET} if "budget" in method.settings else {}


def as_method(function: Callable[..., Any] | Method | str) -> Method:
    """Return the registered method of a name or a function, or that of an unregistered function."""
    if isinstance(function, Method):
        return function
    if isinstance(function, str):
        return methods[function]
    name = function.__name__
    return methods[name] if name in methods and methods[name].function is function else Method(function)


@dataclass(frozen=True)
class Subject:
    """A method on one network."""

    method: Method
    settings: Mapping[str, object]
    make: Make

    @cached_property
    def question(self) -> Question:
        """The samples and the model; its own, so that no method can spoil another's."""
        return self.make()

    @cached_property
    def first(self) -> tuple[Tensor, Cost]:
        """The maps and what they cost, in the ordinary way."""
        return explain(Asked(self.method, self.settings), self.question.gate, self.question.batch)

    @property
    def maps(self) -> Tensor:
        """The maps, in the ordinary way."""
        return self.first[0]

    def work(self, question: Question) -> object:
        """Do what the shared checks watch."""
        return self.ask(question)

    def ask(self, question: Question, seed: int = 0) -> Tensor:
        """Return the maps for another question, or with another seed."""
        return explain(Asked(self.method, self.settings, seed), question.gate, question.batch)[0]

    def same(self, maps: Tensor, index: list[int], what: str) -> None:
        """Demand that maps of some samples are, but for rounding, what they are in the ordinary way."""
        units = self.question.batch.units[index]
        expected, size = self.maps[index], self.maps[index].abs().amax(1, keepdim=True)
        demand(bool(((maps - expected).abs() <= CLOSE * size).all()), f"the maps change with {what}")
        old, new = per_unit(expected, units), per_unit(maps, units)
        gap = old[:, :, None] - old[:, None, :]
        clear = gap > SAME_RANK * old.abs().amax(1)[:, None, None]
        kept = new[:, :, None] > new[:, None, :]
        demand(bool((kept | ~clear).all()), f"the ranks of the units change with {what}")


def shape(subject: Subject) -> str:
    """Maps are shaped like x or like units."""
    x = subject.question.batch.x
    demand(subject.maps.shape == (len(x), element_count(x)), f"the maps have shape {tuple(subject.maps.shape)}")
    return ""


def finite(subject: Subject) -> str:
    """Maps hold numbers."""
    bad = int((~subject.maps.isfinite().all(1)).sum())
    demand(bad == 0, f"{bad} of {len(subject.maps)} maps have NaN or infinite values")
    return ""


def sign(subject: Subject) -> str:
    """Maps that are declared without a sign have no value below 0."""
    if subject.method.signed:
        return "it has a sign"
    below = int((subject.maps < 0).any(1).sum())
    demand(below == 0, f"{below} of {len(subject.maps)} maps have values below 0: declare signed=True")
    return ""


def repeatable(subject: Subject) -> str:
    """The same question has the same answer, to the bit, whatever the global random state."""
    with _state.other_luck(1):
        once = subject.ask(subject.question)
    with _state.other_luck(2):
        again = subject.ask(subject.question)
    repeats = once.equal(again) and once.equal(subject.maps)
    demand(repeats, "the maps differ from one time to the next", "name a parameter `rng` and draw from it alone")
    return ""


def alone(subject: Subject) -> str:
    """A sample alone has the map that it has in a batch."""
    for i in range(len(subject.maps)):
        subject.same(subject.ask(subject.question.picked([i])), [i], "the samples beside them")
    return ""


def batch_sizes(subject: Subject) -> str:
    """The batch size of the gate changes nothing."""
    for size in (1, 4, 100):
        maps = subject.ask(subject.question.sized(size))
        subject.same(maps, list(range(len(maps))), f"a batch size of {size} at the gate")
    return ""


def order(subject: Subject) -> str:
    """The order of the samples changes nothing."""
    index = list(range(len(subject.maps)))[::-1]
    subject.same(subject.ask(subject.question.picked(index)), index, "the order of the samples")
    return ""


def failure(subject: Subject) -> str:
    """A failure of the model comes out, and everything is as it was, whether it fails at the first pass or the last."""
    question = subject.make()
    with _state.sabotaged(question) as (watched, calls):
        subject.ask(watched)
    if not calls[0]:
        raise Refused("it makes no pass that could fail")
    for at in {1, calls[0]}:
        with (
            _state.untouched(question, _state.inputs, _state.network, _state.luck),
            _state.sabotaged(question, at) as (failing, _),
        ):
            _must_fail(subject, failing)
    return ""


def _must_fail(subject: Subject, question: Question) -> None:
    try:
        subject.ask(question)
    except _state.Sabotage:
        return
    raise Broken("it hides an error of the model: let it out, so that the record shows it")


def cost(subject: Subject) -> str:
    """The bill is the declared closed form."""
    batch, bill = subject.question.batch, subject.first[1]
    passes = subject.method.passes_of(subject.settings, unit_count(batch.units))
    billed = (bill.forward, bill.backward)
    if passes is None:
        raise Refused(f"it declares no `passes`; billed: {billed} for {len(batch)} samples")
    declared = (passes[0] * len(batch), passes[1] * len(batch))
    demand(billed == declared, f"billed are {billed} single inputs (forward, backward), declared {declared}")
    return ""


def permission(subject: Subject) -> str:
    """A model that answers the declared capability, and nothing else, is enough."""
    wanted, question = subject.method.capability, subject.question
    if wanted is None:
        raise Refused("it asks nothing of the model")
    _ = subject.maps
    try:
        maps = explain(Asked(subject.method, subject.settings), Sealed(question.gate, wanted), question.batch)[0]
    except Refused as no:
        raise Broken(f"it declares `model: {wanted.__name__}` and asks for more: {no}") from no
    demand(maps.equal(subject.maps), f"the maps change when the model is no more than {wanted.__name__}")
    return ""


class Sealed(Gate):
    """A gate that answers one capability and no more; where that is BlackBox, autograd ends at its scores."""

    def __init__(self, gate: Gate, wanted: type) -> None:
        super().__init__(gate.network, gate.readout, gate.batch_size)
        self.wanted = wanted

    @property
    def capability(self) -> type:
        """The capability that was asked for, although the network could answer more."""
        return self.wanted

    def metered(self) -> "Sealed":
        """Return the same gate with a bill of its own."""
        return Sealed(self, self.wanted)

    def score(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the readout of the target output, (N,)."""
        return super().score(x.detach() if self.wanted is BlackBox else x, target)


def target(subject: Subject) -> str:
    """Report on how many samples the map changes with the target; a map that ignores the question is no breach."""
    batch = subject.question.batch
    count = int(batch.target.max()) + 1
    other = replace(batch, target=(batch.target + 1) % count)
    maps = subject.ask(_state.with_batch(subject.question, other))
    return f"{int((maps != subject.maps).any(1).sum())} of {len(maps)} maps change with the target"


def seed(subjects: list[Subject]) -> str:
    """A method that draws changes with the seed on some network, one that does not on none."""
    drawn = [changed for subject in subjects if (changed := _changes(subject)) is not None]
    if not drawn:
        raise Refused("it refuses every network here")
    if subjects[0].method.stochastic:
        demand(any(drawn), "it names `rng`, but its maps do not change with the seed: drop it, or draw from it")
    else:
        demand(not any(drawn), "it names no `rng`, but its maps change with the seed")
    return ""


def _changes(subject: Subject) -> bool | None:
    """Return whether the maps change with the seed; None where the method refuses."""
    try:
        return not subject.ask(subject.question, seed=1).equal(subject.maps)
    except Refused:
        return None


def answers(subjects: list[Subject]) -> str:
    """It answers a question here, unless it is of a library that is not installed."""
    library = subjects[0].method.library
    if library and find_spec(library) is None:
        raise Refused(f"{library} is not installed")
    return _shared.answers(subjects)


CHECKS: dict[str, Callable[[Subject], str]] = {
    check.__name__: check
    for check in (
        shape,
        finite,
        sign,
        repeatable,
        alone,
        batch_sizes,
        order,
        inputs,
        network,
        random_state,
        failure,
        cost,
        permission,
        target,
    )
}
