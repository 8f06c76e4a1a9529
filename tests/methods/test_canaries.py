"""The canaries that look at the wrong network, or at the wrong truth."""

from dataclasses import replace

import torch
from torch import Tensor

from heatproof.benchmark import Truth, methods
from heatproof.benchmark.checks._questions import Question, pictures, table
from heatproof.benchmark.harness import Asked, explain


def maps_of(name: str, question: Question, **settings: int) -> Tensor:
    return explain(Asked(methods[name], settings), question.gate, question.batch)[0]


def test_untrained_gradient_is_that_of_a_copy_drawn_anew() -> None:
    question = pictures()
    batch = question.batch
    for seed in (0, 4):
        network = question.gate.network.randomized(seed).module
        assert network is not None
        x = batch.x.clone().requires_grad_()
        chosen = network.eval()(x).double().softmax(1).gather(1, batch.target[:, None])
        (expected,) = torch.autograd.grad(chosen.sum(), x)
        maps = maps_of("untrained_gradient", question, seed=seed)
        torch.testing.assert_close(maps, expected.sum(1).flatten(1).double(), rtol=1e-5, atol=1e-9)


def test_untrained_gradient_knows_nothing_of_the_networks_own_parameters() -> None:
    trained, other = pictures(), pictures()
    module = other.gate.module
    with torch.no_grad():
        for layer in (module.features[0], module.features[3], module.head[2]):
            layer.weight.mul_(-2)
            layer.bias.add_(1)
    assert not maps_of("gradient", trained).equal(maps_of("gradient", other))
    assert maps_of("untrained_gradient", trained).equal(maps_of("untrained_gradient", other))


def test_other_truth_is_the_oracle_turned_by_half_a_turn() -> None:
    question = pictures()
    oracle, other = (maps_of(name, question).reshape(5, 16, 16) for name in ("oracle", "other_truth"))
    assert other.equal(oracle.flip(1, 2))
    assert not other.equal(oracle)


def test_other_truth_of_a_table_is_the_oracle_from_the_last_column_to_the_first() -> None:
    question = table()
    assert maps_of("other_truth", question).equal(maps_of("oracle", question)[:, list(range(7, -1, -1))])


def test_other_truth_answers_for_the_rival_where_the_rival_is_asked_about() -> None:
    question = table()
    known = question.batch.truth
    assert known is not None
    assert known.rival_effect is not None
    asked = replace(question, batch=replace(question.batch, truth=replace(known, rival=question.batch.target)))
    assert maps_of("other_truth", asked).equal(known.rival_effect.flip(1).double())


def test_other_truth_marks_what_is_relevant_in_the_wrong_place() -> None:
    question = table()
    relevant = torch.eye(8, dtype=torch.bool)[:5]
    truth = Truth(question.batch.units, relevant=relevant)
    asked = replace(question, batch=replace(question.batch, truth=truth))
    assert maps_of("other_truth", asked).argmax(1).tolist() == [7, 6, 5, 4, 3]
