"""A view answers what was declared, and leads nowhere else."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import (
    Batch,
    BlackBox,
    Cost,
    Differentiable,
    Gate,
    GlassBox,
    Layered,
    Method,
    Network,
    Refused,
    Truth,
    WhiteBox,
)
from heatproof.benchmark.capabilities import LADDER, View, includes, members, require
from heatproof.benchmark.harness import Asked, explain

OUTPUTS = {"score", "logits", "readout"}
LAYERS = {"layers", "tap", "attention", "places"}
NETWORK = {"module", "masked", "randomized", "changed", "inside", "lent"}
ANSWERS = {
    BlackBox: OUTPUTS,
    Differentiable: OUTPUTS | {"gradient"},
    Layered: OUTPUTS | {"gradient"} | LAYERS,
    WhiteBox: OUTPUTS | {"gradient"} | NETWORK,
    GlassBox: OUTPUTS | {"gradient"} | LAYERS | NETWORK,
}
FORBIDDEN = {"network", "meter", "metered", "batch_size", "score_and_gradient", "capability", "truth"}


def gate() -> Gate:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(8, 3))
    return Gate(Network(module, layers=lambda: ("0",)))


def batch() -> Batch:
    x = torch.rand(2, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    units = torch.arange(9).expand(2, -1)
    effect = torch.full((2, 9), 0.123)
    truth = Truth(units, relevant=effect > 1, impossible=effect < 1, effect=effect, values={"shapley": effect})
    return Batch(("a", "b"), x, torch.tensor([0, 1]), units, torch.zeros_like(x), truth)


@pytest.mark.parametrize("capability", LADDER)
def test_each_step_answers_what_it_says(capability: type) -> None:
    assert members(capability) == ANSWERS[capability]


@pytest.mark.parametrize("capability", LADDER)
def test_a_view_answers_what_its_capability_does_and_nothing_else(capability: type) -> None:
    view = View(gate(), capability)
    for name in ANSWERS[capability]:
        assert getattr(view, name) is not None
    for name in (ANSWERS[GlassBox] - ANSWERS[capability]) | FORBIDDEN:
        with pytest.raises(AttributeError, match=f"declares `model: {capability.__name__}`, which has no '{name}'"):
            getattr(view, name)


def test_a_refused_attribute_says_which_annotation_offers_it() -> None:
    with pytest.raises(AttributeError, match="annotate it `model: Layered`"):
        _ = View(gate(), BlackBox).tap
    with pytest.raises(AttributeError, match="no capability offers it"):
        _ = View(gate(), WhiteBox).meter


def test_a_view_answers_like_the_gate() -> None:
    samples, model = batch(), gate()
    view = View(model, GlassBox)
    assert torch.equal(view.score(samples.x, samples.target), model.score(samples.x, samples.target))  # type: ignore[operator]
    assert torch.equal(view.gradient(samples.x, samples.target), model.gradient(samples.x, samples.target))  # type: ignore[operator]
    assert view.layers() == ("0",)  # type: ignore[operator]
    assert view.module is model.module


def test_nothing_can_be_written_to_a_view() -> None:
    view = View(gate(), BlackBox)
    with pytest.raises(AttributeError):
        view.gradient = None  # type: ignore[attr-defined]


def test_scores_of_a_black_box_cannot_be_differentiated() -> None:
    samples = batch()
    view = View(gate(), BlackBox)
    assert not view.score(samples.x.clone().requires_grad_(), samples.target).requires_grad  # type: ignore[operator]


def test_an_untrained_copy_is_a_view_too() -> None:
    copy = View(gate(), WhiteBox).randomized(0)  # type: ignore[operator]
    assert copy.score(batch().x, batch().target).shape == (2,)
    for name in FORBIDDEN:
        with pytest.raises(AttributeError):
            getattr(copy, name)


def test_the_ladder_includes_downwards() -> None:
    for available in LADDER:
        for wanted in LADDER:
            assert includes(available, wanted) == (ANSWERS[wanted] <= ANSWERS[available])
    require(Layered, Differentiable)
    with pytest.raises(Refused, match="needs a WhiteBox model, this one is only Layered"):
        require(Layered, WhiteBox)


def reached(start: object) -> Iterator[object]:
    """Walk over attributes, slots, items, closures and the objects that methods are bound to."""
    seen, waiting = set(), [start]
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, (str, int, float, bytes, ModuleType, type)):
            continue
        seen.add(id(item))
        yield item
        waiting += list(neighbours(item))


def neighbours(item: object) -> Iterator[object]:
    yield from vars(item).values() if hasattr(item, "__dict__") else ()
    for kind in type(item).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            if hasattr(item, name):
                yield object.__getattribute__(item, name)
    if isinstance(item, dict):
        yield from item.values()
    elif isinstance(item, (list, tuple, set, frozenset)):
        yield from item
    for name in ("__self__", "__func__", "__wrapped__", "__defaults__", "__kwdefaults__"):
        yield getattr(item, name, None)
    for cell in getattr(item, "__closure__", None) or ():
        yield cell.cell_contents


def test_the_walk_finds_what_hides_in_closures_slots_and_methods() -> None:
    samples = batch()

    def outer() -> object:
        return lambda: samples

    class Holder:
        __slots__ = ("inside",)

        def __init__(self) -> None:
            self.inside = {"x": [outer()]}

        def method(self) -> None: ...

    assert any(item is samples.truth for item in reached(Holder().method))


SEEN: list[object] = []


@pytest.mark.parametrize("capability", LADDER)
def test_nothing_that_a_method_receives_leads_to_the_truth(capability: type) -> None:
    def curious(model: object, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor, rng: object) -> Tensor:
        """Looks at everything that it is given."""
        SEEN.extend(reached((model, x, target, units, baseline, rng)))
        return x

    curious.__annotations__["model"] = capability
    SEEN.clear()
    samples = batch()
    assert samples.truth is not None
    secret = [getattr(samples.truth, item.name) for item in fields(samples.truth) if item.name != "parts"]
    hidden = {id(value) for value in [samples, samples.truth, *secret] if value is not None}
    explain(Asked(Method(curious), {}), gate(), samples)
    assert len(SEEN) > 10
    assert not [item for item in SEEN if id(item) in hidden or isinstance(item, (Truth, Batch))]
    effect = samples.truth.effect
    assert effect is not None
    tensors = [
        item for item in SEEN if isinstance(item, Tensor) and item.numel() and item.shape[1:] == effect.shape[1:]
    ]
    assert not [item for item in tensors if item.is_floating_point() and bool((item == 0.123).all())]


def test_a_method_cannot_spoil_the_samples_of_others() -> None:
    def vandal(x: Tensor, target: Tensor, units: Tensor, baseline: Tensor) -> Tensor:
        """Overwrites all that it is given."""
        for part in (x, target, units, baseline):
            part.fill_(1)
        return x

    samples, untouched = batch(), batch()
    _, cost = explain(Asked(Method(vandal), {}), gate(), samples)
    for name in ("x", "target", "units", "baseline"):
        assert torch.equal(getattr(samples, name), getattr(untouched, name))
    assert is_dataclass(cost)
    assert (cost.forward, cost.backward) == (Cost().forward, Cost().backward)
