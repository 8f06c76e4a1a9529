"""The leaderboard of a run: its headline scores, normalised, ranked and with their uncertainty."""

from dataclasses import dataclass
from functools import cached_property

from ..benchmark import BlackBox, Differentiable, Layered, metrics, tasks
from ..benchmark.capabilities import LADDER
from ..benchmark.results import Results
from ..benchmark.suite import Suite
from .compare import Comparison, ProxyComparison, compare, compare_proxies
from .normalise import ORACLE, RANDOM, TaskScores, task_scores
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


@dataclass(frozen=True)
class Standing:
    """Where the methods of a run stand."""

    results: Results

    @cached_property
    def scores(self) -> TaskScores:
        """The control-normalised score of each method on each task; of entrants, those that are finished."""
        rows = self.results.scores
        rows = rows[~rows["method"].isin(self.results.unfinished)]
        return task_scores(rows, self.results.headline(), canaries=self.results.methods("canary"))

    @property
    def unranked(self) -> str:
        """Why there is nothing to rank by, where no task knows the truth; empty otherwise."""
        return "" if self.results.headline() else "no task of this suite knows the truth"

    @cached_property
    def boards(self) -> dict[str, Board]:
        """The board of each track that has admitted tasks, and a method that can run on all of them."""
        if self.unranked:
            return {}
        tables = {name: dense(self.scores, counted) for name in TRACKS if (counted := self.tasks(name))}
        return {name: make_board(table) for name, table in tables.items() if not table.scores.empty}

    def tasks(self, track: str) -> list[str]:
        """Return the admitted tasks that count on a track."""
        cards, wanted = self.results.manifest["tasks"], TRACKS[track]
        offers = {capability.__name__: capability for capability in LADDER}
        admitted = self.scores.tasks.loc[self.scores.tasks["admitted"], "task"]
        return [name for name in admitted if wanted in offers[cards[name]["capability"]].__mro__]

    def compare(self, a: str, b: str) -> Comparison | ProxyComparison:
        """Compare two methods on the tasks that both could run; proxy by proxy where no task knows the truth."""
        if self.unranked:
            better = {name: card["better"] for name, card in self.results.manifest["metrics"].items()}
            return compare_proxies(self.results.scores, better, a, b)
        return compare(self.scores, a, b)

    def place(self, method: str) -> str:
        """Say in one line where a method stands, on the first track that it is ranked on."""
        if self.unranked:
            return f"{method} is not ranked: {self.unranked}"
        for track, board in self.boards.items():
            if method in board.rows.index:
                row = board.rows.loc[method]
                one = row["n_tasks"] == 1
                bounds = "one task: no interval" if one else f"[{row['low']:.3f}, {row['high']:.3f}]"
                return (
                    f"{method}: rank {row['rank']:.0f} [{row['rank_low']:.0f}-{row['rank_high']:.0f}] "
                    f"of {len(board.rows)} on the {track} track, "
                    f"score {row['score']:.3f} {bounds}"
                )
        if method in self.results.unfinished:
            return f"{method} is not ranked: results of it are missing, run it again"
        return f"{method} is not ranked: it cannot run on every task of any track"
