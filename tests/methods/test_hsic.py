"""HSIC attribution against the trace of the definition, and against what does not matter."""

from math import exp
from statistics import median

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Game, Refused, Rng, methods
from heatproof.benchmark.checks._questions import Question, ask, table


def found(question: Question, rng: Rng, **settings: int) -> Tensor:
    maps: Tensor = methods["hsic"].function(Game(question.gate, question.batch), rng, **settings)
    return maps


@pytest.mark.parametrize("budget", [2, 9, 24])
def test_is_the_trace_of_the_definition(budget: int) -> None:
    question = table()
    batch, maps = question.batch, found(table(), Rng(range(5)), budget=budget)
    centring = torch.eye(budget).double() - 1 / budget
    chosen = Rng(range(5)).uniform(budget, 8).argsort(1).argsort(1) < budget // 2
    # In the batches of the method, so that single precision rounds alike.
    read = Game(question.gate, batch).scores(chosen).double()
    for i, target in enumerate(batch.target):
        kept, scores = chosen[i], read[i].tolist()
        mixed = torch.where(kept, batch.x[i], batch.baseline[i])
        assert question.gate.score(mixed, target.repeat(budget)).tolist() == pytest.approx(scores, rel=1e-5)
        width = median(scores)
        likeness = torch.tensor(
            [[exp(-((a - b) ** 2) / (2 * width**2)) for a in scores] for b in scores], dtype=torch.float64
        )
        for unit in range(8):
            same = (kept[:, unit, None] == kept[:, unit]).double()
            expected = (same @ centring @ likeness @ centring).trace() / (budget - 1) ** 2
            assert maps[i, unit].item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-9)


def test_every_unit_is_hidden_in_half_of_the_coalitions() -> None:
    seen: list[Tensor] = []

    def note(x: Tensor) -> Tensor:
        seen.append(x)
        return x.sum(1)

    found(ask(note, torch.ones(1, 6)), Rng([0]), budget=50)
    assert torch.cat(seen).sum(0).tolist() == [25.0] * 6


def test_only_what_matters_depends() -> None:
    weight = torch.tensor([2.0, 0.0, -1.0, 0.0]).double()
    # The kernel is as wide as the scores are large: beside 10, it is all but a parabola.
    maps = found(ask(lambda x: 10 + x.double() @ weight, torch.ones(8, 4)), Rng(range(8)))
    assert (maps[:, [1, 3]] <= 0.02 * maps[:, :1]).all()
    assert (maps[:, 0] > 2 * maps[:, 2]).all()
    assert (maps[:, 2] > 10 * maps[:, [1, 3]].amax(1)).all()


def test_a_rare_answer_is_measured_by_its_own_size() -> None:
    """Most scores are the same, so the median score is 0."""
    maps = found(ask(lambda x: x.prod(1), torch.ones(1, 4)), Rng([0]), budget=200)
    assert (maps > 0).all()


def test_is_zero_where_the_score_is_constant() -> None:
    assert (found(ask(lambda x: x.sum(1) * 0, torch.ones(2, 3)), Rng([0, 1]), budget=20).abs() <= 1e-15).all()


def test_refuses_a_budget_of_one() -> None:
    with pytest.raises(Refused, match="a budget of 1 passes is too small: hsic needs at least 2"):
        found(table(), Rng(range(5)), budget=1)
