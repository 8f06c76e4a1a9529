"""The leaderboard of a run: its headline scores, normalised, ranked and with their uncertainty."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..benchmark import BlackBox, Differentiable, Layered, metrics, tasks
from ..benchmark.capabilities import LADDER
from ..benchmark.results import Results
from ..benchmark.suite import Suite, question_of
from ._headline_rows import ORACLE, RANDOM
from .clusters import Clusters, clusters_of, incomplete
from .compare import Comparison, ProxyComparison, compare, compare_proxies
from .conventions import refuse_conventions
from .normalise import TaskScores, task_scores
from .ranking import Board, dense, make_board

TRACKS = {"differentiable": Differentiable, "black box": BlackBox, "layered": Layered}
"""The capability that a model needs for its tasks to count on a track; the first track is the headline.

A method is ranked where it can run on every task of the track. So no score depends on who else entered.
"""


def refuse_unrankable(suite: Suite) -> None:
    """Refuse, before anything is computed, a suite whose tasks know a truth that nothing in it scores or scales."""
    given = {score for name in suite.metrics for score in metrics[name].directions}
    counted = {name: tasks[name].headline for name in suite.tasks if tasks[name].headline}
    if lacking := [name for name, score in counted.items() if score not in given]:
        score, more = counted[lacking[0]], f" (and {len(lacking) - 1} more tasks)" if len(lacking) > 1 else ""
        makers = [name for name in metrics if score in metrics[name].directions]
        raise ValueError(
            f"{suite.title}: {lacking[0]}{more} counts by {score}, which no metric of the suite gives: "
            f"add {' or '.join(makers) or 'a metric that gives it'}"
        )
    if counted and (controls := sorted({RANDOM, ORACLE} - set(suite.methods))):
        raise ValueError(f"{suite.title} lacks the controls that scores are scaled by: add {', '.join(controls)}")
    if suite.cluster == "network":
        refuse_unclusterable(suite)
    refuse_conventions(suite)


def refuse_unclusterable(suite: Suite) -> None:
    """Refuse a suite that generalises over networks if one of them is not asked all the questions that count."""
    asked = {name: tasks[name] for name in suite.tasks if question_of(name) not in suite.columns}
    cards = {
        name: {
            "family": task.family,
            "networks": task.model.pair or (task.model.name,),
            "architecture": task.model.architecture,
        }
        for name, task in asked.items()
    }
    clusters_of(cards, asked)
    for network, lacking in incomplete(cards, asked, asked).items():
        raise ValueError(
            f"{suite.title}: {network} is not asked {', '.join(lacking)}, as other networks of its family are: add it"
        )


@dataclass(frozen=True)
class Standing:
    """Where the methods of a run stand."""

    results: Results

    @cached_property
    def scores(self) -> TaskScores:
        """The control-normalised score of each method on each task; of entrants, those that are finished."""
        rows = self.results.scores
        rows = rows[~rows["method"].isin(self.results.unfinished)]
        headline, canaries = self.results.headline(), self.results.methods("canary")
        chance, objections = self.results.chance(headline), self.objections
        return task_scores(rows, headline, canaries=canaries, chance=chance, objections=objections)

    @property
    def objections(self) -> dict[str, str]:
        """Why a task may not count, by its checks, where the suite asks for admission."""
        found = self.results.admissions.items()
        return {task: "its checks have not been made yet" if each is None else each.reason for task, each in found}

    @property
    def unranked(self) -> str:
        """Why there is nothing to rank by, where no task knows the truth; empty otherwise."""
        return "" if self.results.headline() else "no task of this suite knows the truth"

    @cached_property
    def boards(self) -> dict[str, Board]:
        """The board of each track that has admitted tasks, and a method that can run on all of them."""
        if self.unranked:
            return {}
        tables = {
            name: dense(self.scores, counted, clusters=self.clusters)
            for name in TRACKS
            if (counted := self.tasks(name))
        }
        margin = self.results.manifest["suite"].get("margin", 0.0)
        return {name: make_board(table, margin=margin) for name, table in tables.items() if not table.scores.empty}

    def tasks(self, track: str) -> list[str]:
        """Return the admitted tasks that count on a track."""
        cards, wanted = self.results.manifest["tasks"], TRACKS[track]
        offers = {capability.__name__: capability for capability in LADDER}
        return [name for name in self.counted if wanted in offers[cards[name]["capability"]].__mro__]

    @cached_property
    def admitted(self) -> list[str]:
        """The admitted tasks, those of columns included."""
        return [str(name) for name in self.scores.tasks.loc[self.scores.tasks["admitted"], "task"]]

    @cached_property
    def counted(self) -> list[str]:
        """The admitted tasks whose questions count, of networks that are asked all of them."""
        complete = self._headline(self.admitted)
        if self.clusters is None:
            return complete
        return [name for name in complete if self.clusters.network[name] not in self.incomplete]

    @cached_property
    def incomplete(self) -> dict[str, tuple[str, ...]]:
        """The networks that do not count, with the questions on which they have no admitted task."""
        if self.clusters is None:
            return {}
        cards, asked = self.results.manifest["tasks"], self._headline(self.results.headline())
        return incomplete(cards, asked, self._headline(self.admitted))

    @cached_property
    def clusters(self) -> Clusters | None:
        """The network of each task that counts, where networks are the sampling unit."""
        if self.results.manifest["suite"].get("cluster", "task") == "task":
            return None
        return clusters_of(self.results.manifest["tasks"], self._headline(self.results.headline()))

    @cached_property
    def columns(self) -> dict[str, list[str]]:
        """The admitted tasks of each question that is shown beside the ranking."""
        names = self.results.manifest["suite"].get("columns", ())
        return {name: [task for task in self.admitted if question_of(task) == name] for name in names}

    def _headline(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if question_of(name) not in self.results.manifest["suite"].get("columns", ())]

    def compare(self, a: str, b: str) -> Comparison | ProxyComparison:
        """Compare two methods on the tasks that both could run; proxy by proxy where no task knows the truth."""
        if self.unranked:
            better = {name: card["better"] for name, card in self.results.manifest["metrics"].items()}
            return compare_proxies(self.results.scores, better, a, b)
        margin = self.results.manifest["suite"].get("margin", 0.0)
        return compare(self.scores, a, b, tasks=self.counted, clusters=self.clusters, margin=margin)

    def place(self, method: str) -> str:
        """Say in one line where a method stands, on the first track that it is ranked on."""
        if self.unranked:
            return f"{method} is not ranked: {self.unranked}"
        for track, board in self.boards.items():
            if method in board.rows.index:
                row = board.rows.loc[method]
                bounds = (
                    f"one {board.unit}: no interval" if board.units == 1 else f"[{row['low']:.3f}, {row['high']:.3f}]"
                )
                return (
                    f"{method}: rank {row['rank']:.0f} [{row['rank_low']:.0f}-{row['rank_high']:.0f}] "
                    f"of {len(board.rows)} on the {track} track, "
                    f"score {row['score']:.3f} {bounds}"
                )
        if method in self.results.unfinished:
            return f"{method} is not ranked: results of it are missing, run it again"
        return f"{method} is not ranked: it cannot run on every task of any track"
