"""The error against exact values, against a loop."""

from math import sqrt

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Refused, metrics

PARTS = torch.tensor([[0, 0, 1, 2, 2, 2, -1]])


def ask(attribution: list[float], exact: list[float]) -> float:
    values: Tensor = metrics["value_error"].function(
        torch.tensor([attribution], dtype=torch.float64),
        {"shapley": torch.tensor([exact], dtype=torch.float64)},
        PARTS,
    )
    return values.item()


def test_is_the_relative_distance_of_a_loop() -> None:
    source = torch.Generator().manual_seed(71)
    for _ in range(20):
        attribution, exact = (torch.randn(n, generator=source, dtype=torch.float64).tolist() for n in (7, 3))
        sums = [attribution[0] + attribution[1], attribution[2], sum(attribution[3:6])]
        squares = [(a - e) ** 2 for a, e in zip(sums, exact, strict=True)]
        found = ask(attribution, exact)
        assert found == pytest.approx(sqrt(sum(squares)) / sqrt(sum(e * e for e in exact)), rel=1e-12)
        assert found**2 * sum(e * e for e in exact) / 3 == pytest.approx(sum(squares) / 3, rel=1e-12), "as it says"


def test_a_concept_that_is_not_known_is_refused() -> None:
    with pytest.raises(Refused, match="'shapley' are not known here, only of gradient"):
        metrics["value_error"].function(torch.ones(1, 7), {"gradient": torch.ones(1, 3)}, PARTS)
