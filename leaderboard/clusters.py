"""Networks as the sampling unit: which tasks ask about which network, and of which family and architecture it is."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..benchmark.suite import question_of

Cards = Mapping[str, Mapping[str, Any]]
Place = tuple[str, str]
"""A family, and an architecture in it; none for a network that is made for one question, as that of a table."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """The `network` of each task, and the `place` of each network, which is a fixed stratum."""

    network: Mapping[str, str]
    place: Mapping[str, Place]

    @property
    def kind(self) -> str:
        """The noun for strata: architecture, or group where there are several families of them."""
        return "architecture" if self._one_family else "group"

    @property
    def _one_family(self) -> bool:
        return len({family for family, _ in self.place.values()}) == 1

    def among(self, tasks: Iterable[str]) -> "Clusters":
        """The clusters of some of the tasks."""
        network = {task: self.network[task] for task in tasks}
        return Clusters(network, {name: self.place[name] for name in network.values()})

    def pool(self, scores: pd.DataFrame) -> pd.DataFrame:
        """The mean of a network's tasks, networks by methods, from tasks by methods: its questions weigh the same."""
        return scores.groupby([self.network[str(task)] for task in scores.index], sort=False).mean()

    def balanced(self, scores: pd.DataFrame) -> pd.Series:
        """The mean by method, from tasks by methods: families weigh the same, architectures in one, and networks."""
        units = self.pool(scores)
        family, architecture = (list(words) for words in zip(*self.strata(units.index), strict=True))
        return units.groupby([family, architecture]).mean().groupby(level=0).mean().mean()

    def stratum(self, task: str) -> str:
        """The name of the stratum of the network that a task is about."""
        return self.name(self.place[self.network[task]])

    def name(self, place: Place) -> str:
        """The name of a stratum: the architecture, behind its family where there are several."""
        return place[1] if self._one_family and place[1] else "/".join(filter(None, place))

    def strata(self, networks: Iterable[str]) -> list[Place]:
        """The place of each network."""
        return [self.place[name] for name in networks]


def clusters_of(cards: Cards, counted: Collection[str]) -> Clusters:
    """The clusters of the tasks that count, from their cards; a task about two networks at once has none."""
    for task in counted:
        if len(networks := cards[task]["networks"]) != 1:
            raise ValueError(
                f"{task} is about {' and '.join(networks)} at once, and belongs to no one network: "
                f"make {question_of(task)!r} one of the suite's columns"
            )
        if not cards[task]["architecture"] and not _alone(task):
            raise ValueError(f"{task}: its network does not say of which architecture it is: @model(architecture=…)")
    network = {task: cards[task]["networks"][0] for task in counted}
    return Clusters(network, {network[task]: (cards[task]["family"], cards[task]["architecture"]) for task in counted})


def incomplete(cards: Cards, counted: Collection[str], admitted: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The networks that lack an admitted task, with the questions that are lacking: their mean would be of others.

    All networks of a family are asked the same, but for those that are made for one question.
    """
    questions: dict[str, set[str]] = {}
    for task in (shared := [task for task in counted if not _alone(task)]):
        questions.setdefault(cards[task]["family"], set()).add(question_of(task))
    lacking = {cards[task]["networks"][0]: set(questions[cards[task]["family"]]) for task in shared}
    for task in admitted:
        lacking.get(cards[task]["networks"][0], set()).discard(question_of(task))
    return {name: tuple(sorted(some)) for name, some in lacking.items() if some}


def _alone(task: str) -> bool:
    """Tell whether a question is put to one network alone, which is made for it."""
    return question_of(task) == task
