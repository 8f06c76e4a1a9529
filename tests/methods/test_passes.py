"""The cost of every registered method, at several batch sizes of the gate, which change no map."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Batch, Cost, Refused, grid_units, methods, per_unit, unit_count
from heatproof.benchmark.checks._questions import Question, _any_truth, pictures
from heatproof.benchmark.checks.method_checks import economical
from heatproof.benchmark.harness import Asked, explain

UNTOLD = ("score_cam", "ablation_cam")
"""Methods whose bill has no closed form beforehand; tests of their own count it."""


@cache
def nine_pictures() -> Question:
    """Nine samples: one batch of 64, or 7 and 2, or nine times 1."""
    x = torch.rand(9, 3, 16, 16, generator=torch.Generator().manual_seed(41))
    target, units = torch.arange(9) % 4, grid_units(x, 4)
    ids = tuple(f"sample-{i}" for i in range(9))
    return replace(pictures(), batch=Batch(ids, x, target, units, 0.5 + 0 * x, _any_truth(units, target, 4)))


def explained(name: str, batch_size: int) -> tuple[Tensor, Cost]:
    question = nine_pictures().sized(batch_size)
    try:
        return explain(Asked(methods[name], economical(methods[name])), question.gate, question.batch)
    except Refused as no:
        pytest.skip(str(no))


@pytest.mark.parametrize("name", methods)
def test_bill_is_the_closed_form_and_the_batch_size_changes_nothing(name: str) -> None:
    maps, _ = explained(name, 64)
    asked, units = Asked(methods[name], economical(methods[name])), nine_pictures().batch.units
    passes = asked.part.passes_of(asked.settings, unit_count(units))
    if methods[name].function.__name__ in UNTOLD:
        assert passes is None
        pytest.skip("it costs a pass per channel, whose number is the network's")
    assert passes is not None, f"{name} does not say what it costs: give @method(passes=...)"
    for size in (1, 7, 64):
        again, cost = explained(name, size)
        assert (cost.forward, cost.backward) == (9 * passes[0], 9 * passes[1])
        assert ((again - maps).abs() <= 1e-5 * maps.abs().amax(1, keepdim=True)).all()
        assert (
            per_unit(again, units).argsort(dim=1, stable=True).equal(per_unit(maps, units).argsort(dim=1, stable=True))
        )
