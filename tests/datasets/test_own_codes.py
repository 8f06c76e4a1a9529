"""Codes that are drawn at random, against their definition by plain loops."""

from itertools import permutations, product
from math import log

import numpy as np
import pytest
import torch
from torch import Tensor

from heatproof.datasets.own_codes import codes
from heatproof.datasets.own_codes.codes import (
    CLASSES,
    COMBINATIONS,
    acceptable,
    alikeness,
    class_mean,
    draw_code,
    draw_codes,
    game_of,
    truth_of,
)
from heatproof.datasets.own_codes.scenes import combination

ALL = list(product(range(3), repeat=5))
EVERY = torch.arange(COMBINATIONS)


@pytest.fixture(scope="module")
def drawn() -> list[Tensor]:
    return draw_codes(3, np.random.default_rng(8))


def given(code: Tensor, variants: tuple[int, ...], visible: set[int]) -> list[float]:
    """The class probabilities given some parts: the mean over all combinations that show the same there."""
    rows = [row for row, other in enumerate(ALL) if all(other[part] == variants[part] for part in visible)]
    return [sum(float(code[row, k]) for row in rows) / len(rows) for k in range(CLASSES)]


def test_combinations_are_numbered_as_they_are_listed() -> None:
    assert combination(torch.tensor(ALL)).tolist() == list(range(COMBINATIONS))


def test_a_code_is_soft_balanced_and_equally_strong_in_all_parts(drawn: list[Tensor]) -> None:
    for code in drawn:
        assert torch.allclose(code.sum(1), torch.ones(COMBINATIONS, dtype=torch.float64))
        assert float(code.amax(1).median()) == pytest.approx(0.85, abs=0.01)
        assert int(code.argmax(1).bincount(minlength=CLASSES).min()) > 0.8 * COMBINATIONS / CLASSES
        strength = truth_of(code).mean(0)
        assert strength.tolist() == pytest.approx([float(strength.mean())] * 5, rel=0.05)


def test_what_is_hidden_is_averaged_out(drawn: list[Tensor]) -> None:
    game = game_of(drawn[0])
    assert game.shape == (COMBINATIONS, 32, CLASSES)
    for row in (0, 100, 242):
        for subset in range(32):
            visible = {part for part in range(5) if subset >> part & 1}
            assert game[row, subset].tolist() == pytest.approx(given(drawn[0], ALL[row], visible))


def test_the_truth_of_a_code_is_by_the_definition_over_all_orders(drawn: list[Tensor]) -> None:
    code, row = drawn[0], 77
    target = int(code[row].argmax())

    def worth(visible: set[int]) -> float:
        share = given(code, ALL[row], visible)[target]
        return log(share) - log(1 - share)

    gains = [0.0] * 5
    for order in permutations(range(5)):
        for place, part in enumerate(order):
            gains[part] += (worth(set(order[: place + 1])) - worth(set(order[:place]))) / 120
    assert truth_of(code)[row].tolist() == pytest.approx(gains)


def test_alikeness_is_the_mean_of_pearsons_correlations() -> None:
    one, other = torch.randn(2, 30, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    expected = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(one.numpy(), other.numpy(), strict=True)])
    assert alikeness(one, other) == pytest.approx(expected)
    assert alikeness(one, one + 7) == pytest.approx(1)


def test_the_mean_of_a_class_is_that_of_a_loop() -> None:
    truth, target = torch.rand(6, 5), torch.tensor([0, 1, 0, 2, 1, 0])
    for row in range(6):
        same = [truth[i] for i in range(6) if target[i] == target[row]]
        torch.testing.assert_close(class_mean(truth, target)[row], sum(same) / len(same))


def test_codes_of_a_set_are_unlike_each_other(drawn: list[Tensor]) -> None:
    truths = [truth_of(code) for code in drawn]
    for one, other in permutations(range(3), 2):
        assert abs(alikeness(truths[one], truths[other])) < 0.15
        assert acceptable(drawn[one], [(EVERY, truths[other])])


def test_a_code_is_not_accepted_beside_itself_even_if_asked_about_a_few_scenes(drawn: list[Tensor]) -> None:
    rows = torch.arange(0, COMBINATIONS, 5)
    assert not acceptable(drawn[0], [(rows, truth_of(drawn[0])[rows])])
    assert not acceptable(drawn[0], [(rows, -truth_of(drawn[0])[rows])])


def test_a_code_whose_class_foretells_the_truth_is_not_accepted() -> None:
    """Two parts that name the class alone: then all combinations of a class have the same truth."""
    utility = torch.zeros(COMBINATIONS, CLASSES, dtype=torch.float64)
    for row, variants in enumerate(ALL):
        utility[row, variants[0] * 2 + (variants[1] > 0)] = 5.0
    code = utility.softmax(1)
    assert alikeness(truth_of(code), class_mean(truth_of(code), code.argmax(1))) > 0.9
    assert not acceptable(code)


def test_a_code_with_a_rare_class_is_not_accepted(drawn: list[Tensor]) -> None:
    assert acceptable(drawn[0])
    shifted = (drawn[0].log() + torch.tensor([-1.0, 0, 0, 0, 0, 0])).softmax(1)
    assert not acceptable(shifted)


def test_too_many_codes_are_refused(monkeypatch: pytest.MonkeyPatch, drawn: list[Tensor]) -> None:
    monkeypatch.setattr(codes, "TRIES", 1)
    with pytest.raises(ValueError, match=r"count is 2, but among 1 codes only [01] were unlike each other"):
        draw_codes(2, np.random.default_rng(0))


def test_a_code_is_a_function_of_its_generator() -> None:
    assert torch.equal(draw_code(np.random.default_rng(4)), draw_code(np.random.default_rng(4)))
    assert not torch.equal(draw_code(np.random.default_rng(4)), draw_code(np.random.default_rng(5)))
