"""Invariances of every score, on a nonlinear model with uneven units: scale, batch mates, order, batch size."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Refused, areas, metrics, per_unit, spread
from heatproof.benchmark.capabilities import require
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.harness import Asked, score
from heatproof.benchmark.registry import Method

NAMES = list(metrics)
FREE = [name for name in NAMES if metrics[name].scale_free]


def half(x: Tensor, target: Tensor, *, factor: float = 1.0) -> Tensor:
    """A map that depends on the target, for metrics that explain again."""
    return factor * (x * (1 + target).reshape(-1, 1, 1, 1)).sin().sum(1).flatten(1)


def ask(name: str, question: Question, maps: Tensor, factor: float = 1.0) -> dict[str, Tensor]:
    again, part = Asked(Method(half), {"factor": factor}), metrics[name]
    try:
        if part.capability is not None:
            require(question.gate.capability, part.capability)
        return score(Asked(part, {}), question.gate, question.batch, maps, again)[0]
    except Refused as reason:
        pytest.skip(str(reason))


def same(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    for name in left:
        torch.testing.assert_close(left[name], right[name], rtol=1e-5, atol=1e-9, equal_nan=True, msg=name)


@pytest.mark.parametrize("factor", [1e-300, 1e-12, 3.0, 1e12, 1e300])
@pytest.mark.parametrize("name", FREE)
def test_scale(name: str, factor: float, uneven: Question, maps: Tensor) -> None:
    same(ask(name, uneven, factor * maps, factor), ask(name, uneven, maps))


@pytest.mark.parametrize("factor", [1e-12, 0.1, 1e12])
@pytest.mark.parametrize("name", FREE)
def test_scale_of_a_constant_map(name: str, factor: float, uneven: Question, maps: Tensor) -> None:
    ones = torch.ones_like(maps)
    same(ask(name, uneven, factor * ones, factor), ask(name, uneven, ones))


@pytest.mark.parametrize("factor", [0.1, 0.3, 1e-7])
@pytest.mark.parametrize("per_area", [False, True])
@pytest.mark.parametrize("name", FREE)
def test_equal_units_are_tied_whatever_their_area(name: str, per_area: bool, factor: float, uneven: Question) -> None:
    """60 is divided by 1, 2, 3, 4, 6 and 10, the areas, without rounding: these ties are exact."""
    units = uneven.batch.units
    exact = spread(60.0 * (areas(units) if per_area else torch.ones(8, 7)), units)
    rounded = spread(factor * per_unit(exact, units), units)
    same(ask(name, uneven, rounded, factor), ask(name, uneven, exact))


@pytest.mark.parametrize("name", [name for name in NAMES if not metrics[name].scale_free])
def test_scale_counts_where_that_is_declared(name: str, uneven: Question, maps: Tensor) -> None:
    key = next(iter(metrics[name].directions))
    assert not torch.allclose(ask(name, uneven, 10 * maps)[key], ask(name, uneven, maps)[key])


@pytest.mark.parametrize("name", NAMES)
def test_order_batch_mates_and_batch_size(name: str, uneven: Question, maps: Tensor) -> None:
    together = ask(name, uneven, maps)
    for index in ([3], [7, 2], [7, 6, 5, 4, 3, 2, 1, 0]):
        part = ask(name, uneven.picked(index), maps[index])
        same(part, {key: values[index] for key, values in together.items()})
    for size in (1, 3, 100):
        same(ask(name, uneven.sized(size), maps), together)


@pytest.mark.parametrize("kind", ["zero", "constant", "nan", "infinite", "minus_infinite", "huge_mate"])
@pytest.mark.parametrize("name", NAMES)
def test_a_degenerate_map_is_nan_or_finite_and_leaves_the_others_alone(
    name: str, kind: str, uneven: Question, maps: Tensor
) -> None:
    plain, spoilt = ask(name, uneven, maps), maps.clone()
    if kind == "zero":
        spoilt[2] = 0.0
    elif kind == "constant":
        spoilt[2] = 4.0
    elif kind == "huge_mate":
        spoilt[2] *= 1e30
    else:
        spoilt[2, 5] = {"nan": torch.nan, "infinite": torch.inf, "minus_infinite": -torch.inf}[kind]
    found = ask(name, uneven, spoilt)
    for key, values in found.items():
        assert not values[2].isinf().any(), key
        assert kind not in ("nan", "infinite", "minus_infinite") or values[2].isnan().all(), key
    rest = [0, 1, 3, 4, 5, 6, 7]
    same({key: found[key][rest] for key in found}, {key: plain[key][rest] for key in plain})
