"""The metrics of captum: what they give, and what they do not."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Method, Refused
from heatproof.benchmark.checks._questions import Question

pytest.importorskip("captum", reason="captum is not installed")

Scored = Callable[..., Tensor]
EVERY = {"subsets": 36, "size": 0.2}
"""All 36 pairs of nine columns."""


@pytest.fixture
def likely(table: Question) -> Tensor:
    """Maps that have the signs of what single columns do."""
    batch, gate = table.batch, table.gate
    columns = torch.arange(9)
    left = [gate.score(batch.x.where(columns != i, 0.0), batch.target) for i in columns]
    effect = gate.score(batch.x, batch.target)[:, None] - torch.stack(left, 1)
    return effect.sign() * torch.rand(20, 9, generator=torch.Generator().manual_seed(64)).double()


@pytest.mark.parametrize("name", ["captum.infidelity", "captum.infidelity_raw"])
def test_infidelity_over_all_subsets_is_ours(
    name: str, table: Question, likely: Tensor, theirs: Scored, ours: Scored
) -> None:
    torch.testing.assert_close(
        theirs(name, table, likely, **EVERY), ours(name, table, likely, **EVERY), rtol=1e-5, atol=1e-9
    )


def test_normalised_infidelity_cannot_tell_a_map_from_its_opposite(
    table: Question, likely: Tensor, theirs: Scored, ours: Scored
) -> None:
    map_and_opposite = [theirs("captum.infidelity", table, sign * likely, **EVERY) for sign in (1, -1)]
    torch.testing.assert_close(*map_and_opposite)
    good, bad = (ours("captum.infidelity", table, sign * likely, **EVERY) for sign in (1, -1))
    assert bool((good < bad).all())


def test_sensitivity_differs_from_one_time_to_the_next(table: Question, theirs: Scored) -> None:
    def squared(x: Tensor) -> Tensor:
        """A map that changes with its input."""
        return x.square()

    here = table.batch.x.square().double()
    first, second = (theirs("captum.sensitivity_max", table, here, Method(squared)) for _ in range(2))
    assert bool((first != second).all())
    torch.testing.assert_close(first.mean(), second.mean(), rtol=0.2, atol=0)


def test_sensitivity_needs_something_that_explains_again(table: Question, theirs: Scored) -> None:
    with pytest.raises(Refused, match="explains again"):
        theirs("captum.sensitivity_max", table, table.batch.x.double())
