"""Leave-one-out against closed forms of additive models and a slow loop."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Game, methods, per_unit
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.harness import Asked, explain

Ask = Callable[..., Question]


def found(question: Question) -> Tensor:
    attribution: Tensor = methods["leave_one_out"].function(Game(question.gate, question.batch))
    return attribution


@pytest.mark.parametrize("pictures", [True, False])
def test_is_the_exact_effect_of_each_unit_of_an_additive_model(additive: Ask, pictures: bool) -> None:
    question = additive(pictures)
    batch = question.batch
    weight = question.gate.module.head.weight[batch.target].reshape(batch.x.shape).detach()
    parts = weight * (batch.x.sin() - batch.baseline.sin())
    expected = per_unit(parts.sum(1).flatten(1) if pictures else parts, batch.units)
    torch.testing.assert_close(found(question), expected, rtol=1e-12, atol=1e-13)
    maps = explain(Asked(methods["leave_one_out"], {}), question.gate, batch)[0]
    torch.testing.assert_close(per_unit(maps, batch.units), expected, rtol=1e-6, atol=1e-7)


def test_equals_a_slow_loop(smooth: Ask) -> None:
    question = smooth()
    batch, values = question.batch, found(question)
    for i in range(len(batch)):
        target, x = int(batch.target[i]), batch.x[i]
        for unit in range(int(batch.units.max()) + 1):
            hidden = x.clone()
            for place in range(x[0].numel()):
                if batch.units[i, place] == unit:
                    row, column = divmod(place, x.shape[2])
                    hidden[:, row, column] = batch.baseline[i, :, row, column]
            before, after = question.gate.module(torch.stack([x, hidden])).softmax(1)[:, target].tolist()
            assert values[i, unit].item() == pytest.approx(before - after, rel=1e-9, abs=1e-12)


def test_bills_the_units_and_the_whole_input_once(smooth: Ask) -> None:
    question = smooth()
    cost = explain(Asked(methods["leave_one_out"], {}), question.gate, question.batch)[1]
    assert (cost.forward, cost.backward) == (4 * (6 + 1), 0)
