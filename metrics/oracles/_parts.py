"""Cases of maps whose parts have known effects."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...benchmark import Truth
from ...benchmark.checks import Case, ask

Rows = Sequence[Sequence[float]]
FIVE = [0.3, -0.2, 0.1, 0.5, -0.4]
"""Effects whose parts, from the largest on, are 3, 4, 0, 1, 2."""
SIZES = (1e-12, 1.0, 3.0, 1e12)


def numbers(rows: Rows) -> Tensor:
    """Return rows of numbers in double precision."""
    return torch.tensor(rows, dtype=torch.float64)


def effects(
    effect: Rows | Sequence[float], maps: Rows, parts: Sequence[int] | None = None, /, **scores: Sequence[float]
) -> Case:
    """Ask about maps of parts with these effects, one row for all or one each; an element is a part, or of a part."""
    attribution, true = numbers(maps), torch.tensor(effect, dtype=torch.float64)
    labels = torch.arange(attribution.shape[1]) if parts is None else torch.tensor(parts)
    true = true.expand(len(attribution), -1)
    truth = Truth(labels.expand(len(attribution), -1), effect=true, values={"shapley": true, "twice": 2 * true})
    question = ask(lambda x: x.sum(1), torch.zeros(attribution.shape), truth=truth)
    expected = {name: torch.tensor(values, dtype=torch.float64) for name, values in scores.items()}
    return Case(question, attribution, expected)


def contrast(score: str, own: Rows, other: Rows, effect: Rows, rival: Rows, expected: Sequence[float]) -> Case:
    """Ask twice about each sample: a method has maps of its `own` for target 0 and `other` ones for target 1."""
    maps, others, count = numbers(own), numbers(other), len(own)

    def prepared(x: Tensor, target: Tensor) -> Tensor:
        """The map of each sample, whose number stands in its first column."""
        number = x[:, 0].long()
        return torch.where((target == 0)[:, None], maps[number], others[number])

    x = torch.zeros(maps.shape, dtype=torch.float64)
    x[:, 0] = torch.arange(count)
    parts = torch.arange(maps.shape[1]).expand(count, -1)
    second = torch.ones(count, dtype=torch.int64)
    truth = Truth(parts, effect=numbers(effect), rival=second, rival_effect=numbers(rival))
    question = ask(lambda x: x.sum(1), x, truth=truth)
    return Case(question, maps, {score: torch.tensor(expected)}, method=prepared)


def times(row: Sequence[float], factor: float) -> list[float]:
    """Return a row at another size."""
    return [factor * value for value in row]
