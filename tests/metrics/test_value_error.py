"""The error against exact values, by hand and against a loop."""

from math import isnan, sqrt

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Refused, metrics

PARTS = torch.tensor([[0, 0, 1, 2, 2, 2, -1]])


def ask(attribution: list[float], exact: list[float], concept: str = "shapley") -> float:
    values: Tensor = metrics["value_error"].function(
        torch.tensor([attribution], dtype=torch.float64),
        {concept: torch.tensor([exact], dtype=torch.float64)},
        PARTS,
        concept=concept,
    )
    return values.item()


def test_is_the_relative_distance_of_a_loop() -> None:
    source = torch.Generator().manual_seed(71)
    for _ in range(20):
        attribution, exact = (torch.randn(n, generator=source, dtype=torch.float64).tolist() for n in (7, 3))
        sums = [attribution[0] + attribution[1], attribution[2], sum(attribution[3:6])]
        distance = sqrt(sum((a - e) ** 2 for a, e in zip(sums, exact, strict=True)))
        assert ask(attribution, exact) == pytest.approx(distance / sqrt(sum(e * e for e in exact)), rel=1e-12)


def test_exact_is_zero_a_zero_map_is_one_and_the_opposite_two() -> None:
    exact = [2.0, -1.0, 3.0]
    assert ask([1.0, 1.0, -1.0, 1.0, 1.0, 1.0, 9.0], exact) == 0.0
    assert ask([0.0] * 7, exact) == 1.0
    assert ask([-1.0, -1.0, 1.0, -1.0, -1.0, -1.0, 9.0], exact) == 2.0
    assert ask([2.0, 2.0, -2.0, 2.0, 2.0, 2.0, 0.0], exact) == 1.0, "twice the values are not the values"


def test_is_undefined_where_the_exact_values_are_zero() -> None:
    assert isnan(ask([1.0] * 7, [0.0] * 3))


def test_the_concept_is_asked_for_by_name() -> None:
    assert ask([1.0, 1.0, -1.0, 1.0, 1.0, 1.0, 0.0], [2.0, -1.0, 3.0], concept="gradient") == 0.0
    with pytest.raises(Refused, match="'shapley' are not known here, only of gradient"):
        metrics["value_error"].function(torch.ones(1, 7), {"gradient": torch.ones(1, 3)}, PARTS)
