"""Planning: a suite becomes cells, each with what it depends on, and the impossible ones with their reason."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .capabilities import includes
from .harness import Asked, explain, score
from .identity import code_of, digest
from .question import KNOWN_AS, Task, held, tasks
from .registry import TRUTH_WORDS, Method, Part, methods, metrics
from .splits import SPLIT, is_drawn
from .suite import Suite


@dataclass(frozen=True, slots=True)
class Cell:
    """One question to one method, judged by one metric."""

    task: Task
    method: Asked
    metric: Asked
    size: int
    split: str
    asks: str
    """The hash of what is asked: the samples, the network, the kernel that explains."""
    maker: str
    """The hash of what the method is: its code, settings and chance."""
    judge: str
    """The hash of what scores: the metric, the truth that it reads, the kernel that scores."""
    explanation: str
    """The hash of what the attribution depends on."""
    key: str
    """The hash of what the record depends on."""
    reason: str = ""
    """Why the cell is impossible; empty where it is not."""

    @property
    def names(self) -> tuple[str, str, str, int]:
        """The cell's place: task, method, metric, repeat."""
        return self.task.name, self.method.part.name, self.metric.part.name, self.method.repeat


def plan(
    suite: Suite, extra: Iterable[Method] = (), batch_size: int = 0, split: str = SPLIT, networks: Path | None = None
) -> tuple[Cell, ...]:
    """Turn a suite, and `extra` methods beside its own, into cells; unknown names and misspelt settings are errors.

    Where the `split` is drawn, what a verified run cannot have is impossible. `networks` is the folder of those that it
    has made anew.
    """
    chosen = {method.name: method for method in (*entered(suite), *extra)}
    scorers = [metrics[name] for name in suite.metrics]
    questions = [tasks[name].at(networks) for name in suite.tasks]
    known = {method.base for method in chosen.values()} | {metric.base for metric in scorers}
    for name in suite.settings:
        if name not in known:
            raise ValueError(f"suite {suite.title} has settings for {name!r}, which is not among its parts")
    explained, scored = code_of(explain), code_of(score)
    explaining = [
        (asked := Asked(method, _settings(suite, method), suite.seed, repeat), digest(_identity(asked)))
        for method in chosen.values()
        for repeat in range(suite.repeats if method.stochastic else 1)
    ]
    judging = [
        (asked := Asked(scorer, _settings(suite, scorer), suite.seed), digest(_identity(asked), scored))
        for scorer in scorers
    ]
    cells = []
    for task in questions:
        asks, version = digest(task.sample_set, split, suite.samples, explained), task.version
        for method, maker in explaining:
            explanation = explanation_of(asks, maker, version if "truth" in method.part.needs else "")
            for metric, hashed in judging:
                judge = digest(hashed, "" if TRUTH_WORDS.isdisjoint(metric.part.needs) else version)
                key = key_of(explanation, judge, method.signed)
                why = withheld(task, method) if is_drawn(split) else ""
                why = why or impossible(task, [a.part for a in (method.prior, method) if a], metric.part, batch_size)
                place = task, method, metric, suite.samples, split
                cells.append(Cell(*place, asks, maker, judge, explanation, key, why))
    return tuple(cells)


def entered(suite: Suite) -> list[Method]:
    """Return the methods of a suite, those with a swept setting once for each value."""
    return [method for name in suite.methods for method in _swept(suite, methods[name])]


def asked_for(suite: Suite, cells: Iterable[Cell], extra: Sequence[Method] = ()) -> list[Cell]:
    """Return the cells that a run computes: those of `extra` methods and of the controls, or of the whole suite."""
    own = [method for method in entered(suite) if not extra or method.role == "control"]
    chosen = {method.name for method in (*extra, *own)}
    return [cell for cell in cells if cell.method.part.name in chosen]


def _swept(suite: Suite, method: Method) -> list[Method]:
    """Return a method, or its variants where the suite sweeps a setting that it has."""
    for name, values in suite.sweep.items():
        if name in method.settings:
            return [method.variant(**{name: value}) for value in values]
    return [method]


def _settings(suite: Suite, part: Part) -> Mapping[str, object]:
    return part.with_defaults({**suite.settings.get(part.base, {}), **dict(part.given)})


def explanation_of(asks: str, maker: str, truth: str = "") -> str:
    """Return where the attributions of a method are kept; one that sees the truth depends on the task's `truth`."""
    return digest(asks, maker, truth)


def key_of(explanation: str, judge: str, signed: bool) -> str:
    """Return where the record of an explanation is kept; maps without signs are judged by the truth's magnitude."""
    return digest(explanation, judge, signed)


def _identity(asked: Asked) -> tuple[object, ...]:
    chance = (asked.seed, asked.repeat) if asked.part.stochastic else ()
    hides = code_of(asked.imputer.function) if asked.imputer else ""
    if asked.prior:
        cuts: object = _identity(asked.prior)
    else:
        cuts = code_of(asked.regions.how.function) if asked.regions else ""
    library, files = (asked.part.library, asked.part.files) if isinstance(asked.part, Method) else ("", None)
    code = code_of(asked.part.function, library), *held(files)
    return asked.part.name, code, dict(asked.settings), chance, (hides, cuts)


def impossible(task: Task, explaining: Sequence[Part], metric: Part, batch_size: int = 0) -> str:
    """Return why a cell cannot be, or an empty string."""
    if reason := task.model.objection or task.absent:
        return reason
    offered = task.gate(batch_size).capability
    for part in (*explaining, metric):
        if part.capability is not None and not includes(offered, part.capability):
            return f"{part.name} needs a {part.capability.__name__} model, this one is only {offered.__name__}"
        if "truth" in part.needs and not task.knows:
            return f"{part.name} needs the truth, and this task knows none"
    for word in metric.needs:
        if word in KNOWN_AS and KNOWN_AS[word] not in task.knows:
            return f"{metric.name} needs the truth's {KNOWN_AS[word]!r}, which the task does not know"
    return ""


def withheld(task: Task, method: Asked) -> str:
    """Return why a verified run leaves a cell out, or an empty string."""
    if not task.fresh:
        return f"the samples of {task.name} are fixed and public, and a verified run draws its own"
    if method.prior and "truth" in method.prior.part.needs:
        return f"{method.part.name} groups units by the truth, which a verified run keeps from methods"
    asking = [each for each in (method, method.prior) if each and "game" in each.part.needs]
    if any((each.told("imputer") or task.imputer) == "redraw" for each in asking):
        return f"{method.part.name} hides units by drawing samples again, which a verified run keeps from methods"
    return ""
