"""Proofs of the axioms that compare networks: methods that keep them, methods that break them by known amounts."""

from collections.abc import Callable
from math import nan

import torch
from torch import Tensor, nn

from ...benchmark.checks import Case, ask, oracle
from . import _methods as by
from ._methods import ROWS, TWOS, UNDEFINED, WEIGHTS, ZERO, about, smooth


def two(first: float, second: float) -> Callable[[Tensor], Tensor]:
    """Return the function whose logits are the row's sum, times these."""
    return lambda x: torch.stack([first * x.sum(1), second * x.sum(1)], 1)


def network() -> nn.Sequential:
    """Return two layers with a ReLU between them."""
    layers = nn.Linear(8, 2, dtype=torch.float64), nn.ReLU(), nn.Linear(2, 2, dtype=torch.float64)
    with torch.no_grad():
        layers[0].weight.copy_(torch.stack([WEIGHTS, -WEIGHTS.flip(0)]))
        layers[0].bias.copy_(torch.tensor([0.5, 1.0]))
        layers[2].weight.copy_(torch.tensor([[1.0, 2.0], [-1.0, 0.5]]))
        layers[2].bias.zero_()
    return nn.Sequential(*layers)


@oracle("linearity")
def linearity_of_the_gradient() -> Case:
    """Of logits, whatever the task reads; behind the last class comes the first."""
    classes = torch.stack([WEIGHTS, WEIGHTS.flip(0), -2 * WEIGHTS]).T
    question = ask(lambda x: (x + x**3) @ classes, ROWS, target=torch.arange(3), readout="probability")
    return about(question, by.gradient, linearity=ZERO)


@oracle("linearity")
def linearity_of_a_squared_gradient() -> Case:
    """Slopes of 1 and 3: the square of 2 is 4, the mean of the squares is 5."""
    return about(ask(two(1, 3), ROWS, target=torch.tensor([0, 1, 0])), by.squared_gradient, linearity=[1 / 9] * 3)


@oracle("linearity")
def linearity_of_a_clamped_gradient() -> Case:
    """Slopes of 3 and -1: the positive part of their mean is 1, the mean of the positive parts 3/2."""
    return about(ask(two(3, -1), ROWS), by.positive_gradient, linearity=[0.5 / 2.5] * 3)


@oracle("linearity")
def linearity_of_maps_that_cancel_is_worst() -> Case:
    """Slopes of 1 and -1: the clamped map of their mean is zero, the mean of the clamped maps is not."""
    return about(ask(two(1, -1), ROWS), by.positive_gradient, linearity=[1.0] * 3)


@oracle("linearity")
def linearity_of_zero_maps_is_undefined() -> Case:
    """Nothing is not like anything."""
    return about(ask(two(1, 3), ROWS), by.nothing, linearity=UNDEFINED)


@oracle("implementation_invariance")
def implementation_invariance_of_the_gradient() -> Case:
    """The derivative of a ReLU and of what stands in for it agree, and so do those of the layers."""
    question = ask(network(), ROWS)
    map_ = question.gate.gradient(ROWS, question.batch.target)
    return about(question, by.gradient, map_, implementation_invariance=ZERO)


@oracle("implementation_invariance")
def implementation_invariance_of_a_rule_for_relus_is_worst() -> Case:
    """A rule for ReLUs finds one before, and none after."""
    return about(ask(network(), ROWS, layers=("1",)), by.how_many_relus, implementation_invariance=[1.0] * 3)


@oracle("implementation_invariance")
def implementation_invariance_of_counting_weights() -> Case:
    """The network has 18 + 6 parameters, and twice as many as a sum of halves: 24 of 72."""
    counted = torch.full((3, 8), 24.0)
    return about(
        ask(network(), ROWS, layers=("1",)), by.how_many_weights, counted, implementation_invariance=[1 / 3] * 3
    )


@oracle("implementation_invariance")
def implementation_invariance_of_a_convolution() -> Case:
    """Inside another module, the three weights of a convolution without bias become six."""
    layer = nn.Conv2d(1, 1, (1, 3), bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.fill_(0.5)
    module = nn.Sequential(nn.Sequential(layer, nn.Tanh()), nn.Flatten())
    question = ask(module, torch.arange(12.0).double().reshape(3, 1, 1, 4), layers=("0",))
    return about(question, by.how_many_weights, torch.full((3, 4), 3.0), implementation_invariance=[1 / 3] * 3)


@oracle("implementation_invariance")
def implementation_invariance_of_zero_maps_is_undefined() -> Case:
    """Two maps of nothing; one beside a map that is not has nothing in common with it."""
    given = torch.zeros(3, 8)
    given[2] = 1
    return about(ask(network(), ROWS), by.nothing, given, implementation_invariance=[nan, nan, 1])


@oracle("input_shift_invariance")
def input_shift_invariance_of_the_gradient() -> Case:
    """The network takes the shift away again, and the gradient does not see it."""
    question = ask(smooth, ROWS)
    map_ = question.gate.gradient(ROWS, question.batch.target)
    return about(question, by.gradient, map_, input_shift_invariance=ZERO)


@oracle("input_shift_invariance")
def input_shift_invariance_of_gradient_times_input() -> Case:
    """Twos become ones: they were 2 of 3."""
    return about(ask(lambda x: x.sum(1), TWOS), by.times_input, TWOS, input_shift_invariance=[1 / 3] * 3)


@oracle("input_shift_invariance")
def input_shift_invariance_leaves_the_baseline() -> Case:
    """From ones, twos are one away, and what they become is nothing: from zeros it is 1 of 3."""
    question = ask(lambda x: x.sum(1), TWOS, baseline=torch.tensor([[1.0], [0.0], [4.0]]).expand(3, 8))
    given = torch.tensor([[1.0], [2.0], [-2.0]]).expand(3, 8)
    return about(question, by.times_difference, given, input_shift_invariance=[1, 1 / 3, 1 / 5])


@oracle("input_shift_invariance")
def input_shift_invariance_of_another_shift() -> Case:
    """Shifted by 6, twos are eights."""
    case = about(ask(lambda x: x.sum(1), TWOS), by.the_input, TWOS, input_shift_invariance=[6 / 10] * 3)
    return Case(case.question, case.attribution, case.expected, {"shift": 6.0}, case.method)


@oracle("input_shift_invariance")
def input_shift_invariance_of_zero_maps_is_undefined() -> Case:
    """Nothing is not like anything."""
    return about(ask(smooth, ROWS), by.nothing, torch.zeros(3, 8), input_shift_invariance=UNDEFINED)
