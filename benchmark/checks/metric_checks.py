"""The contract of a metric, as named checks."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ..errors import Refused
from ..harness import Asked, explain
from ..registry import TRUTH_WORDS, Metric, metrics
from ..units import element_count, unit_count
from . import _shared
from ._check import Check, NamedCheck, concluded, demand, named
from ._linear import BLENDED, METRIC_QUESTIONS, NOISY, TRUTHFUL, TURNED
from ._questions import Question
from ._shared import answers, inputs, network
from ._subject import CLOSE, Scores, Subject, close
from .oracles import holder, proofs

SCALES = (2.0**-40, 2.0**-20, 2.0**20, 2.0**40)
"""From 1e-12 to 1e12, powers of two: no relevance is rounded."""
CERTAIN = 5.0
"""Standard errors beyond which a difference is none of chance."""


def check_metric(
    function: Callable[..., Any] | Metric | str, like: str = "", *, raises: bool = True, **settings: object
) -> list[Check]:
    """Check a metric against its contract and its oracles: a function, registered or not, or a registered one's name.

    An unregistered function is put to the oracles of the registered score that it is `like` ("deletion", say), and
    takes its direction of better; without one, higher is taken to be better. Its scores are taken to be scale-free.
    Raises an AssertionError that names every failed check; with `raises=False`, failures are only among what it
    returns.
    """
    checks = [check() for _, check in metric_checks(function, like, **settings)]
    return concluded(as_metric(function, like).name, checks, raises)


def metric_checks(function: Callable[..., Any] | Metric | str, like: str = "", **settings: object) -> list[NamedCheck]:
    """Return contract and oracles as checks that have not been run yet, the contract on each model that fits."""
    metric = as_metric(function, like)
    return [*contract(metric, **settings), *proofs(metric, like)]


def contract(metric: Metric, **settings: object) -> list[NamedCheck]:
    """Return the contract as checks that have not been run yet, on each model that fits."""
    chosen = metric.with_defaults(settings)
    subjects = {name: Subject(metric, chosen, make, TURNED[name]) for name, make in METRIC_QUESTIONS.items()}
    single = [
        named(f"{name}[{where}]", partial(_put, check, subject), name in HABITS)
        for where, subject in subjects.items()
        for name, check in CHECKS.items()
    ]
    return [*single, named("answers", partial(answers, list(subjects.values())))]


def _put(check: Callable[[Subject], str], subject: Subject) -> str:
    """Put a check to a metric that gives scores: where it gives none, that is one breach, not many."""
    if check is not scores and not named("scores", partial(scores, subject))[1]().passed:
        raise Refused("it gives no scores here")
    return check(subject)


def as_metric(function: Callable[..., Any] | Metric | str, like: str = "") -> Metric:
    """Return the registered metric of a name or a function, or that of an unregistered function."""
    if isinstance(function, Metric):
        return function
    if isinstance(function, str):
        return metrics[function]
    name = function.__name__
    if name in metrics and metrics[name].function is function:
        return metrics[name]
    if not like:
        return Metric(function)
    model = holder(like)
    own = (name,) if like in model.descriptive else ()
    return Metric(
        function,
        better=model.directions[like],
        reads=model.reads_of(like),
        scale_free=model.scale_free,
        descriptive=own,
    )


def scores(subject: Subject) -> str:
    """The scores are one number, or one curve, per sample, and each direction of better belongs to one of them."""
    first = subject.first
    lost = [name for name in subject.metric.directions if name not in first]
    demand(not lost, f"it says which direction of {', '.join(lost)} is better, but returns {', '.join(first)}")
    return ""


def repeatable(subject: Subject) -> str:
    """The same map has the same score, to the bit, where the global random states are the same."""
    names = ", ".join(subject.restless)
    demand(not names, f"{names} differs from one call to the next", "name a parameter `rng` and draw from it alone")
    return ""


def random_state(subject: Subject) -> str:
    """The global random states of torch, numpy and random change no score, and are as they were."""
    names = ", ".join(subject.drawn)
    demand(not names, f"{names} is drawn from the global random state", "name a parameter `rng` and draw from it alone")
    return _shared.random_state(subject)


def alone(subject: Subject) -> str:
    """A sample alone has the score that it has in a batch."""
    subject.demand_undrawn()
    for i in range(4):
        subject.same(subject.scores(subject.question.picked([i])), [i], "the samples beside it")
    return ""


def batch_sizes(subject: Subject) -> str:
    """The batch size of the gate changes nothing."""
    subject.demand_undrawn()
    everything = list(range(len(subject.question.batch)))
    for size in (1, 4, 100):
        subject.same(subject.scores(subject.question.sized(size)), everything, f"a batch size of {size} at the gate")
    return ""


def order(subject: Subject) -> str:
    """The order of the samples changes nothing."""
    subject.demand_undrawn()
    index = list(range(len(subject.question.batch)))[::-1]
    subject.same(subject.scores(subject.question.picked(index)), index, "the order of the samples")
    return ""


def dtype(subject: Subject) -> str:
    """A map in single precision has the score that it has in double precision."""
    found = subject.scores_of(subject.question, subject.ordinary.float())
    subject.same(found, list(range(len(subject.question.batch))), "the precision that the map is handed over in")
    return ""


def device(subject: Subject) -> str:
    """A network on an accelerator gives the scores that it gives on the processor."""
    if not torch.cuda.is_available():
        raise Refused("there is no accelerator here")
    question = subject.make()
    question.gate.module.to("cuda")
    moved = question.sized(question.gate.batch_size)
    subject.same(subject.scores(moved), list(range(len(question.batch))), "the device")
    return ""


def truth_first(subject: Subject) -> str:
    """Each score puts the truth before noise, and noise before the truth's opposite, on average over the samples.

    What is declared descriptive is not asked, nor what has no value here for any of the three.
    """
    metric = subject.metric
    judges = [name for name in metric.directions if name not in metric.descriptive]
    _demand_judges(metric, judges)
    truth, noise = (subject.scores(subject.question, method) for method in (TRUTHFUL, NOISY))
    opposites = {
        reads: subject.scores(subject.question, TRUTHFUL, reads=reads) for reads in set(map(metric.reads_of, judges))
    }
    asked = []
    for name in judges:
        means = [float(each[name].nanmean()) for each in (truth, noise, opposites[metric.reads_of(name)])]
        if any(mean == mean for mean in means):
            asked.append(name)
            _ordered(name, metric.directions[name], means)
    if not asked:
        raise Refused(f"{', '.join(judges)} has no value here, for any map")
    return f"judged by {', '.join(asked)}"


def _demand_judges(metric: Metric, judges: Sequence[str]) -> None:
    """Refuse to ask where nothing says which map is better, or nothing is claimed."""
    if TRUTH_WORDS.isdisjoint(metric.needs):
        if {"model", "game"}.isdisjoint(metric.needs):
            raise Refused("it sees neither the truth nor the model: nothing says which map is better")
        if "explain" in metric.needs:
            raise Refused("it judges how a method explains, not whether one map is true")
    if not judges:
        raise Refused("its scores are declared descriptive: none claims to tell the truth from its opposite by itself")


def _ordered(name: str, direction: str, means: Sequence[float]) -> None:
    """Demand the order from good to bad; a NaN, of maps that say nothing, is not better than anything."""
    shown = "the truth has {:.4g}, noise {:.4g}, the opposite {:.4g}".format(*means)
    demand(means[0] == means[0], f"{name} of the truth is NaN")
    blind = close(torch.tensor(means[0]), torch.tensor(means[2]))
    demand(
        not blind, f"{name} does not tell the truth from its opposite: {shown}", "mend it, or declare it descriptive"
    )
    sign = 1 if direction == "higher" else -1
    wrong = any(sign * good <= sign * bad for good, bad in pairwise(means))
    demand(not wrong, f"{name}, of which {direction} is better, has the order wrong: {shown}")


def scale(subject: Subject) -> str:
    """Scores stay when a map is multiplied by a positive number, or change where that is declared."""
    subject.demand_repeatable()
    again = {c: subject.scores(subject.question, scale=c) for c in SCALES}
    moved = [f"{name} (by {c:g})" for c, each in again.items() for name in each if not _stays(subject, each, name)]
    if subject.metric.scale_free:
        some = ", ".join(moved[:3])
        demand(not moved, f"{some} changes when the map is scaled", "declare scale_free=False if it must")
    else:
        demand(bool(moved), "no score changes when the map is scaled", "declare scale_free=True")
    return ""


def _stays(subject: Subject, scores: Scores, name: str) -> bool:
    return close(scores[name], subject.first[name])


def ties(subject: Subject) -> str:
    """A constant map has a score, or NaN, that does not depend on where the relevant units are."""
    here, there = (_of_constant(subject, make()) for make in subject.turned)
    for name in here:
        demand(not bool(here[name].isinf().any()), f"{name} of a constant map is infinite")
        if here[name].ndim == 1:
            _no_place(name, here[name].double(), there[name].double())
    return ""


def _of_constant(subject: Subject, question: Question) -> Scores:
    """Return the scores of constant maps; the last map of the batch is an ordinary one, and left out."""
    x = question.batch.x
    maps = torch.ones(len(x), element_count(x), dtype=torch.float64)
    maps[-1] = explain(Asked(BLENDED, {}), question.gate, question.batch)[0][-1]
    return {name: values[:-1] for name, values in subject.scores_of(question, maps).items()}


def _no_place(name: str, here: Tensor, there: Tensor) -> None:
    """Demand that two sets of scores differ by no more than the chance of random ties, or by rounding."""
    both = here.isfinite() & there.isfinite()
    demand(bool((here.isnan() == there.isnan()).all()), f"{name} of a constant map is NaN by where relevance belongs")
    gap = (here - there)[both]
    if not len(gap):
        return
    chance = CERTAIN * float(gap.std(correction=0)) / len(gap) ** 0.5
    rounding = CLOSE * float(here[both].abs().max())
    demand(
        abs(float(gap.mean())) <= chance + rounding,
        f"{name} of a constant map is {float(here[both].mean()):.4g} where the first units are relevant and "
        f"{float(there[both].mean()):.4g} where the last are",
        "break ties by chance, as `descending` does",
    )


def undefined(subject: Subject) -> str:
    """A zero map has a finite score or NaN, and changes no other's."""
    maps = subject.ordinary
    maps[1] = 0.0
    found = subject.scores_of(subject.question, maps)
    infinite = [name for name, values in found.items() if bool(values[1].isinf().any())]
    demand(not infinite, f"{', '.join(infinite)} of a zero map is infinite", "undefined is NaN")
    return _others(subject, found, [1], "a zero map beside it")


def not_finite(subject: Subject) -> str:
    """A map that is not finite has NaN, and changes no other's score."""
    maps = subject.ordinary
    maps[1, 0], maps[2, :] = torch.inf, torch.nan
    found = subject.scores_of(subject.question, maps)
    defined = [name for name, values in found.items() if not bool(values[[1, 2]].isnan().all())]
    demand(not defined, f"{', '.join(defined)} of a map that is not finite has a value")
    return _others(subject, found, [1, 2], "a map that is not finite beside it")


def _others(subject: Subject, found: Scores, but: Iterable[int], what: str) -> str:
    subject.demand_undrawn()
    index = [i for i in range(len(subject.question.batch)) if i not in but]
    subject.same({name: values[index] for name, values in found.items()}, index, what)
    return ""


def cost(subject: Subject) -> str:
    """The bill is the declared closed form, explanations not counted."""
    question, asked = subject.question, Asked(NOISY, {})
    maps = explain(asked, question.gate, question.batch)[0]
    bill = subject.judge(question, maps, asked)[1]
    billed, count = (bill.forward, bill.backward), len(question.batch)
    passes = subject.metric.passes_of(subject.settings, unit_count(question.batch.units))
    if passes is None:
        raise Refused(f"it declares no `passes`; billed: {billed} for {count} samples")
    declared = (passes[0] * count, passes[1] * count)
    demand(billed == declared, f"billed are {billed} single inputs (forward, backward), declared {declared}")
    return ""


CHECKS: dict[str, Callable[[Subject], str]] = {
    check.__name__: check
    for check in (
        scores,
        repeatable,
        alone,
        batch_sizes,
        order,
        dtype,
        device,
        truth_first,
        scale,
        ties,
        undefined,
        not_finite,
        inputs,
        network,
        random_state,
        cost,
    )
}
HABITS = frozenset({"ties", "undefined", "not_finite", "inputs", "network", "random_state", "cost"})
"""The checks of conventions: what definitions leave open, and what a part leaves as it was."""
