"""Gradients against autograd on the bare network and against central finite differences."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import methods, read_out
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.harness import Asked, explain
from heatproof.benchmark.network import READOUTS

Ask = Callable[..., Question]


def direct(name: str, question: Question) -> Tensor:
    """Call the method's function itself, without the harness."""
    found: Tensor = methods[name].function(question.gate, question.batch.x, question.batch.target)
    return found


@pytest.mark.parametrize("readout", READOUTS)
def test_gradient_is_autograds_on_the_bare_network(smooth: Ask, readout: str) -> None:
    question = smooth(readout)
    leaf = question.batch.x.clone().requires_grad_()
    logits = question.gate.module(leaf)
    (expected,) = torch.autograd.grad(read_out(logits, question.batch.target, readout).sum(), leaf)
    torch.testing.assert_close(direct("gradient", question), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("readout", READOUTS)
def test_gradient_is_the_limit_of_central_differences(smooth: Ask, readout: str) -> None:
    question = smooth(readout, samples=2)
    x, target = question.batch.x, question.batch.target
    found = direct("gradient", question).flatten(1)
    for place in range(x[0].numel()):
        step = torch.zeros(x[0].numel(), dtype=torch.float64)
        step[place] = 1e-5
        up, down = (question.gate.score(x + sign * step.reshape(x[0].shape), target) for sign in (1, -1))
        torch.testing.assert_close(found[:, place], (up - down) / 2e-5, rtol=1e-6, atol=1e-9)


def test_the_harness_sums_channels_and_stores_in_single_precision(smooth: Ask) -> None:
    question = smooth()
    maps, cost = explain(Asked(methods["gradient"], {}), question.gate, question.batch)
    expected = direct("gradient", question).sum(1).flatten(1).double()
    assert maps.equal(expected)
    assert (cost.forward, cost.backward) == (4, 4)


def test_input_x_gradient_is_the_product(smooth: Ask) -> None:
    question = smooth()
    expected = question.batch.x * direct("gradient", question)
    torch.testing.assert_close(direct("input_x_gradient", question), expected, rtol=1e-14, atol=0)


def test_input_x_gradient_of_a_linear_model_adds_up_to_its_score(smooth: Ask) -> None:
    question = smooth("logit")
    with torch.no_grad():
        bias = question.gate.module[2].bias[question.batch.target]
        features = question.gate.module[0](question.batch.x)
    head = Question(type(question.gate)(_head(question), "logit"), question.batch)
    found = methods["input_x_gradient"].function(head.gate, features, question.batch.target)
    score = question.gate.score(question.batch.x, question.batch.target)
    torch.testing.assert_close(found.flatten(1).sum(1) + bias, score, rtol=1e-12, atol=1e-12)


def _head(question: Question) -> object:
    return type(question.gate.network)(torch.nn.Sequential(*list(question.gate.module)[1:]))
