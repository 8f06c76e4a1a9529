"""Whatever a metric is handed, it answers with numbers, with NaN, or with one clear line."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Gate, Network, Refused, Truth, metrics
from heatproof.benchmark.capabilities import require
from heatproof.benchmark.checks import Question, ask
from heatproof.benchmark.harness import Asked, score
from heatproof.benchmark.registry import Method

NAMES = list(metrics)


def again(x: Tensor, target: Tensor) -> Tensor:
    """Something that depends on both."""
    return (x.flatten(1).sin() * (1 + target[:, None]))[:, : x.shape[-1] * x.shape[-2]] if x.ndim > 2 else x.sin()


def scored(name: str, question: Question, maps: Tensor) -> None:
    """Put a metric to maps; anything but numbers, NaN or a refusal in one line is a failure."""
    part = metrics[name]
    try:
        if part.capability is not None:
            require(question.gate.capability, part.capability)
        found = score(Asked(part, {}), question.gate, question.batch, maps, Asked(Method(again), {}))[0]
    except Refused as reason:
        if not str(reason) or "\n" in str(reason):
            pytest.fail(f"{name} does not refuse in one line: {reason}")
        return
    for key in part.directions:
        assert not found[key].isinf().any(), key


def changed(question: Question, **words: object) -> Question:
    return replace(question, batch=replace(question.batch, **words))


def truth_of(question: Question, relevant: bool, impossible: bool) -> Question:
    """The same question where everything, or nothing, is relevant, and where everything, or nothing, is impossible."""
    truth = question.batch.truth
    assert truth is not None
    assert truth.effect is not None
    known = torch.ones_like(truth.effect, dtype=torch.bool)
    return changed(question, truth=replace(truth, relevant=known & relevant, impossible=known & impossible))


def no_effect(question: Question) -> Question:
    truth = question.batch.truth
    assert truth is not None
    assert truth.effect is not None
    nothing = torch.zeros_like(truth.effect)
    return changed(question, truth=replace(truth, effect=nothing, rival_effect=nothing, values={"shapley": nothing}))


def one_unit(question: Question) -> Question:
    batch = question.batch
    units = torch.zeros_like(batch.units)
    effect = torch.ones(len(batch), 1, dtype=torch.float64)
    truth = Truth(units, effect > 0, effect < 0, effect, {"shapley": effect}, rival=batch.target, rival_effect=-effect)
    return changed(question, units=units, truth=truth)


def same_score_everywhere(question: Question) -> Question:
    class Flat(nn.Module):
        """A network to which all inputs are the same."""

        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Conv2d(3, 2, 1, dtype=torch.float64)

        def forward(self, x: Tensor) -> Tensor:
            return 0 * self.features(x).flatten(1)[:, :3]

    return replace(question, gate=Gate(Network(Flat(), layers=lambda: ("features",)), "logit"))


def single_class(question: Question) -> Question:
    class One(nn.Module):
        """A network with one output."""

        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Conv2d(3, 2, 1, dtype=torch.float64)

        def forward(self, x: Tensor) -> Tensor:
            return self.features(x).flatten(1).mean(1, keepdim=True)

    gate = Gate(Network(One(), layers=lambda: ("features",)))
    target = torch.ones_like(question.batch.target)
    return changed(replace(question, gate=gate), target=target)


def black_box(question: Question) -> Question:
    module = question.gate.module
    return replace(question, gate=Gate(Network(predict=lambda x: module(x).softmax(1).detach())))


AWKWARD: dict[str, Callable[[Question], Question]] = {
    "an empty truth": lambda question: truth_of(question, False, True),
    "a full truth": lambda question: truth_of(question, True, False),
    "nothing known": lambda question: truth_of(question, False, False),
    "no effect": no_effect,
    "one unit": one_unit,
    "one sample": lambda question: question.picked([0]),
    "a score of zero everywhere": same_score_everywhere,
    "a single output": single_class,
    "a black box": black_box,
    "the input is its baseline": lambda question: changed(question, x=question.batch.baseline),
    "no truth": lambda question: changed(question, truth=None),
    "no pool": lambda question: changed(question, pool=None),
    "elements of no unit": lambda question: changed(
        question, units=torch.where(question.batch.units == 6, -1, question.batch.units)
    ),
}


@pytest.mark.parametrize("what", AWKWARD)
@pytest.mark.parametrize("name", NAMES)
def test_awkward_questions(name: str, what: str, uneven: Question, maps: Tensor) -> None:
    question = AWKWARD[what](uneven)
    scored(name, question, maps[: len(question.batch)])


@pytest.mark.parametrize("name", NAMES)
def test_a_single_column(name: str) -> None:
    x = torch.rand(3, 1, dtype=torch.float64)
    effect = x.clone()
    units = torch.zeros(3, 1, dtype=torch.int64)
    rival = torch.ones(3, dtype=torch.int64)
    truth = Truth(units, effect > 0, effect < 0, effect, {"shapley": effect}, rival=rival, rival_effect=-effect)
    scored(name, ask(lambda x: x.sum(1), x, truth=truth, pool=x.flip(0)), x)


@pytest.mark.parametrize("imputer", ["mean", "marginal", "layer_masking", "token_dropping", "redraw", "noisy_linear"])
@pytest.mark.parametrize("name", [name for name in NAMES if "game" in metrics[name].needs])
def test_an_imputer_that_cannot_serve_the_data_is_a_refusal(name: str, imputer: str) -> None:
    x = torch.rand(3, 6, dtype=torch.float64)
    question = ask(lambda x: x.sum(1), x)
    with pytest.raises(Refused) as caught:
        score(Asked(metrics[name], {"imputer": imputer}), question.gate, question.batch, x, Asked(Method(again), {}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("units", "line"),
    [
        (torch.zeros(2, 5, dtype=torch.int64), r"batch.units has shape \(2, 5\), the inputs have 4 elements each"),
        (torch.tensor([[0, 0, 2, 2]] * 2), "a unit without elements"),
        (torch.full((2, 4), -1), "a unit without elements, or none at all"),
        (torch.tensor([[0, 1, 1, -2]] * 2), "mark with -1 what is never to be hidden"),
    ],
)
def test_units_that_do_not_cover_the_input_are_refused_in_one_line(units: Tensor, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        ask(lambda x: x.sum(1), torch.rand(2, 4), units=units)
