"""Admission of a task to the headline, as named checks: only who asks the network may pass it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

from ..errors import Refused
from ..question import Task, tasks
from ._check import Check, NamedCheck, concluded, demand, named
from ._task_figures import Figures, figures

SAMPLES = 48
GAP = 0.1
"""The least distance of the truth from random maps."""
LIMIT = 0.5
"""The most that the truth about another network, or a cheat, may score; the truth has 1 and random maps 0."""
ROUNDING = 1e-6
PANEL = "let the networks differ in what they rest on, or show the task in a panel of its own, outside the headline"


def check_task(task: Task | str, *, samples: int = SAMPLES, raises: bool = True) -> list[Check]:
    """Check whether a task, by its name, is fit for the headline: nobody passes it who does not ask the network.

    Raises an AssertionError that names every failed check; with `raises=False`, failures are only among what it
    returns.
    """
    asked = tasks[task] if isinstance(task, str) else task
    return concluded(asked.name, [check() for _, check in task_checks(asked, samples)], raises)


def task_checks(task: Task, samples: int = SAMPLES) -> list[NamedCheck]:
    """Return the checks of a task as checks that have not been run yet, on its first samples."""
    return Subject(task, samples).checks


@dataclass
class Subject:
    """A task, and how many of its samples are looked at."""

    task: Task
    samples: int

    @cached_property
    def figures(self) -> Figures:
        """The figures of its headline score."""
        return figures(self.task, self.samples)

    @property
    def scaled(self) -> Figures:
        """The same, where the controls define a scale."""
        found = self.figures
        if not found.gap >= GAP:
            raise Refused("the controls do not separate, so there is no scale")
        return found

    @property
    def checks(self) -> list[NamedCheck]:
        """The checks, which have not been run yet."""
        return [named(name, partial(check, self)) for name, check in CHECKS.items()]


def network(subject: Subject) -> str:
    """The network uses the evidence, and nothing else, by its card."""
    demand(not subject.task.model.objection, subject.task.model.objection, "train it again, or choose another network")
    return ""


def controls_separate(subject: Subject) -> str:
    """The truth is better than random maps by at least 0.1."""
    found = subject.figures
    demand(
        found.gated < 1,
        f"{subject.task.headline} has no value for the truth on any of {found.samples} samples",
        "let the gate of the truth keep some",
    )
    seen = f"the truth has {found.oracle:.2f}, random maps {found.random:.2f}"
    demand(
        found.gap >= GAP,
        f"{seen}, where {found.better} is better: {GAP:g} apart needed",
        "choose a headline score that tells them apart",
    )
    return seen


def oracle_is_the_maximum(subject: Subject) -> str:
    """No distorted truth scores higher than the truth."""
    found = subject.scaled
    name = max(found.above, key=lambda name: found.above[name])
    demand(
        found.above[name] <= ROUNDING * max(1.0, abs(found.oracle)),
        f"the {name} has {found.distorted[name]:.4g}, the truth itself {found.oracle:.4g}",
        "choose a headline score of which the truth is the maximum, such as a cosine",
    )
    return f"the truth has {found.oracle:.2f}, and none of {len(found.distorted)} distorted truths has more"


def specificity(subject: Subject) -> str:
    """The truth about another network is none about this one."""
    found = subject.scaled.networks
    lacking = _lacking(subject.figures.unasked)
    if not found:
        raise Refused(f"the question is put to no other network{lacking}")
    name = max(found, key=lambda name: found[name])
    seen = f"the truth about {name} scores {found[name]:.2f}"
    demand(found[name] <= LIMIT, f"{seen} here, at most {LIMIT:.2f} allowed", PANEL)
    mean = sum(found.values()) / len(found)
    return f"{seen}, the most of {len(found)} truths about other networks; their mean score is {mean:.2f}{lacking}"


def best_cheat(subject: Subject) -> str:
    """No map that is made without asking the network about the sample scores well."""
    found = subject.scaled.cheats
    name = max(found, key=lambda name: found[name])
    seen = f"{name} scores {found[name]:.2f}"
    demand(found[name] <= LIMIT, f"{seen} without asking the network, at most {LIMIT:.2f} allowed", PANEL)
    return f"{seen}, the most of {len(found)} cheats{_lacking(subject.figures.skipped)}"


def amortised(subject: Subject) -> str:
    """The score that is to be had by asking the network for the class alone: no cheat, and no demand."""
    return f"the mean truth of other samples of the same class scores {subject.scaled.amortised:.2f}"


def gated(subject: Subject) -> str:
    """On how many samples the truth has a score: no demand, but few of them say little."""
    found = subject.figures
    return f"{found.gated:.0%} of {found.samples} samples are left out: they have no score of the truth"


def noise(subject: Subject) -> str:
    """The noise of the random control, asked once for each sample, which moves every score: no demand."""
    found = subject.scaled
    return f"random maps, one for each of {found.samples} samples, score 0 +- {found.noise:.3f}"


CHECKS: dict[str, Callable[[Subject], str]] = {
    check.__name__: check
    for check in (
        network,
        controls_separate,
        oracle_is_the_maximum,
        specificity,
        best_cheat,
        amortised,
        gated,
        noise,
    )
}


def _lacking(reasons: Mapping[str, str]) -> str:
    """Say how many were left out, and why the first was."""
    different = list(dict.fromkeys(reasons.values()))
    return f"; {len(reasons)} left out: {different[0]}{', …' * (len(different) > 1)}" if reasons else ""
