"""Networks as the sampling unit: which tasks ask about which network, and of which architecture it is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..benchmark.suite import question_of

Cards = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Clusters:
    """The `network` of each task, and the `architecture` of each network, which is a fixed stratum."""

    network: Mapping[str, str]
    architecture: Mapping[str, str]

    def pool(self, scores: pd.DataFrame) -> pd.DataFrame:
        """The mean of a network's tasks, networks by methods, from tasks by methods: its questions weigh the same."""
        return scores.groupby([self.network[str(task)] for task in scores.index], sort=False).mean()

    def balanced(self, scores: pd.DataFrame) -> pd.Series:
        """The mean by method, from tasks by methods: architectures weigh the same, and networks within one."""
        units = self.pool(scores)
        return units.groupby(self.strata(units.index)).mean().mean()

    def stratum(self, task: str) -> str:
        """The architecture of the network that a task is about."""
        return self.architecture[self.network[task]]

    def strata(self, networks: Collection[str]) -> list[str]:
        """The architecture of each network."""
        return [self.architecture[name] for name in networks]


def clusters_of(cards: Cards, counted: Collection[str]) -> Clusters:
    """The clusters of the tasks that count, from their cards; a task about two networks at once has none."""
    for task in counted:
        if len(networks := cards[task]["networks"]) != 1:
            raise ValueError(
                f"{task} is about {' and '.join(networks)} at once, and belongs to no one network: "
                f"make {question_of(task)!r} one of the suite's columns"
            )
        if not cards[task]["architecture"]:
            raise ValueError(f"{task}: its network does not say of which architecture it is: @model(architecture=…)")
    network = {task: cards[task]["networks"][0] for task in counted}
    return Clusters(network, {network[task]: cards[task]["architecture"] for task in counted})


def incomplete(cards: Cards, counted: Collection[str], admitted: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The networks that lack an admitted task, with the questions that are lacking: their mean would be of others."""
    questions = {question_of(task) for task in counted}
    asked: dict[str, set[str]] = {cards[task]["networks"][0]: set() for task in counted}
    for task in admitted:
        asked[cards[task]["networks"][0]].add(question_of(task))
    return {name: lacking for name, has in asked.items() if (lacking := tuple(sorted(questions - has)))}
