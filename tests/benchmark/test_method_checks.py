"""The contract of methods: sound ones pass, and each breach is found by the check that is there for it."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import (
    BlackBox,
    Differentiable,
    Layered,
    Method,
    Refused,
    Rng,
    UnknownName,
    WhiteBox,
    impute,
    unit_count,
)
from heatproof.benchmark.checks import Check, check_method, method_checks

Outcome = dict[str, Check]


def outcome(method: Callable[..., Any] | Method, **settings: object) -> Outcome:
    return {check.name: check for check in check_method(method, raises=False, **settings)}


def failed(found: Outcome) -> set[str]:
    """Return the names of the failed checks, without the network."""
    return {name.partition("[")[0] for name, check in found.items() if not check.passed}


def gradient(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The gradient."""
    return model.gradient(x, target)


def by_unit(model: BlackBox, x: Tensor, target: Tensor, units: Tensor, baseline: Tensor) -> Tensor:
    """The score of each unit alone."""
    alone = [model.score(impute(x, baseline, units == unit), target) for unit in range(unit_count(units))]
    return torch.stack(alone, 1)


def noise(x: Tensor, rng: Rng, *, size: float = 1.0) -> Tensor:
    """Noise."""
    return size * rng.normal(*x.shape[1:])


def activation(model: Layered, x: Tensor, target: Tensor) -> Tensor:
    """The first channel of a layer."""
    return nn.functional.interpolate(model.tap(x, target)[0][:, :1], size=x.shape[2:])


def untrained(model: WhiteBox, x: Tensor, target: Tensor) -> Tensor:
    """The gradient of an untrained copy."""
    return model.randomized(0).gradient(x, target)


SOUND = {
    "gradient": Method(gradient, passes=lambda: (1, 1)),
    "by_unit": Method(by_unit, passes=lambda units: (units, 0)),
    "noise": Method(noise, passes=lambda: (0, 0)),
    "activation": Method(activation, passes=lambda: (1, 1)),
    "untrained": Method(untrained, passes=lambda: (1, 1)),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_methods_pass(name: str) -> None:
    found = outcome(SOUND[name])
    assert not failed(found), [check for check in found.values() if not check.passed]
    ran = {name for name, check in found.items() if not check.skipped}
    assert {"shape[pictures]", "alone[pictures]", "cost[pictures]", "inputs[pictures]", "seed"} <= ran


def test_a_check_that_cannot_be_made_is_skipped_with_its_reason() -> None:
    found = outcome(SOUND["gradient"])
    box = found["finite[black_box]"]
    assert box == Check(
        "finite[black_box]", True, "needs a Differentiable model, this one is only BlackBox", skipped=True
    )
    assert outcome(gradient)["cost[table]"].skipped
    assert outcome(noise)["failure[table]"].skipped
    assert outcome(noise)["permission[table]"].skipped


def test_target_sensitivity_is_reported_and_no_breach() -> None:
    assert outcome(gradient)["target[table]"] == Check("target[table]", True, "5 of 5 maps change with the target")
    assert outcome(noise)["target[table]"].reason == "0 of 5 maps change with the target"


def test_each_check_can_be_a_test_of_its_own() -> None:
    checks = method_checks(gradient)
    names = [name for name, _ in checks]
    assert len(set(names)) == len(names)
    assert all(check().name == name for name, check in checks[:4])


def test_names_and_settings_are_looked_up() -> None:
    with pytest.raises(UnknownName, match="unknown method"):
        check_method("no_such_method_at_all")
    with pytest.raises(ValueError, match="noise has no setting 'sizes': did you mean 'size'"):
        check_method(noise, sizes=2)
    assert not failed(outcome(noise, size=2.0))


def shapeless(x: Tensor) -> Tensor:
    """Another shape."""
    return x.flatten(1)[:, :3]


def infinite(x: Tensor) -> Tensor:
    """One NaN in one map."""
    x.view(len(x), -1)[0, 0] = torch.nan
    return x


def opposed(x: Tensor) -> Tensor:
    """Values of both signs."""
    return x - 0.5


def global_luck(x: Tensor) -> Tensor:
    """Draws from the global random state."""
    return torch.rand_like(x)


def numpy_luck(x: Tensor) -> Tensor:
    """Draws from numpy's global random state."""
    return x * np.random.rand()


def plain_luck(x: Tensor) -> Tensor:
    """Draws from random's global state."""
    return x * random.random()


def seeds_all(x: Tensor) -> Tensor:
    """Seeds the global random state."""
    torch.manual_seed(0)
    return torch.rand(x.shape[1:]).expand_as(x)


def by_batch(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """Divides by the largest value of the batch."""
    return model.gradient(x, target) / model.gradient(x, target).abs().max()


def by_place(x: Tensor) -> Tensor:
    """Depends on the place in the batch."""
    return x * torch.arange(1.0, len(x) + 1).reshape(-1, *[1] * (x.ndim - 1))


def nearly(model: BlackBox, x: Tensor, target: Tensor) -> Tensor:
    """Changes the ranks of two close units with the batch, by less than maps may change by rounding."""
    flat = torch.zeros(len(x), x[0].numel()).double()
    flat[:, 0], flat[:, 1], flat[:, 2] = 1.0, 0.5, 0.5 + 4e-6 * (-1) ** len(x)
    return flat.reshape(x.shape).float() if x.ndim == 2 else x


def leaves_hook(model: WhiteBox, x: Tensor, target: Tensor) -> Tensor:
    """Leaves a hook behind."""
    model.module.register_forward_hook(lambda *_: None)
    return model.gradient(x, target)


def leaves_mode(model: WhiteBox, x: Tensor, target: Tensor) -> Tensor:
    """Leaves the network in evaluation mode."""
    model.module.eval()
    return model.gradient(x, target)


def leaves_gradients(model: WhiteBox, x: Tensor, target: Tensor) -> Tensor:
    """Leaves gradients of the parameters behind."""
    model.module(x).sum().backward()
    return model.gradient(x, target)


def trains(model: WhiteBox, x: Tensor, target: Tensor) -> Tensor:
    """Changes a parameter."""
    before = model.gradient(x, target)
    with torch.no_grad():
        next(model.module.parameters()).mul_(1.001)
    return before


def freezes(model: WhiteBox, x: Tensor, target: Tensor) -> Tensor:
    """Freezes the parameters."""
    model.module.requires_grad_(False)
    return model.gradient(x, target)


def hook_after_failure(model: WhiteBox, x: Tensor, target: Tensor) -> Tensor:
    """Removes its hook, unless something goes wrong."""
    handle = model.module.register_forward_hook(lambda *_: None)
    result = model.gradient(x, target)
    handle.remove()
    return result


def swallows(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """Hides every error."""
    try:
        return model.gradient(x, target)
    except Exception:  # noqa: BLE001
        return torch.zeros_like(x)


def sneaks(model: BlackBox, x: Tensor, target: Tensor) -> Tensor:
    """Declares a black box and takes gradients through autograd."""
    x.requires_grad_()
    (found,) = torch.autograd.grad(model.score(x, target).sum(), x)
    return found


def digs(model: BlackBox, x: Tensor, target: Tensor) -> Tensor:
    """Declares a black box and digs for the gate."""
    gate = model.score.__self__  # type: ignore[attr-defined]
    found: Tensor = gate.gradient(x, target)
    return found


def asks_more(model: BlackBox, x: Tensor, target: Tensor) -> Tensor:
    """Declares a black box and asks for gradients."""
    return model.gradient(x, target)  # type: ignore[attr-defined,no-any-return]


def idle(x: Tensor, rng: Rng) -> Tensor:
    """Names a generator and does not draw."""
    return x


CALLS = [0]


def counts(x: Tensor) -> Tensor:
    """Remembers how often it was called."""
    CALLS[0] += 1
    return x + CALLS[0]


def refuses_one(x: Tensor, target: Tensor) -> Tensor:
    """Refuses tables, and fails elsewhere."""
    if x.ndim == 2:
        raise Refused("tables are not for me")
    raise ZeroDivisionError("elsewhere")


EVERYTHING = {name.partition("[")[0] for name, _ in method_checks(gradient)}
LEAVING = {"network", "failure"}
MOVING = {"repeatable", "alone", "batch_sizes", "order", "permission", "seed"}
BREACHES: list[tuple[Callable[..., Tensor], set[str], set[str]]] = [
    (shapeless, {"shape"}, EVERYTHING),
    (infinite, {"finite"}, {"finite", "alone", "batch_sizes", "order", "repeatable", "seed"}),
    (
        global_luck,
        {"repeatable", "random_state"},
        {"repeatable", "random_state", "alone", "batch_sizes", "order", "seed"},
    ),
    (
        numpy_luck,
        {"repeatable", "random_state"},
        {"repeatable", "random_state", "alone", "batch_sizes", "order", "seed"},
    ),
    (
        plain_luck,
        {"repeatable", "random_state"},
        {"repeatable", "random_state", "alone", "batch_sizes", "order", "seed"},
    ),
    (seeds_all, {"random_state"}, {"random_state"}),
    (by_batch, {"alone", "batch_sizes"}, {"alone", "batch_sizes"}),
    (by_place, {"alone", "batch_sizes", "order"}, {"alone", "batch_sizes", "order"}),
    (leaves_hook, {"network"}, LEAVING | {"permission"}),
    (leaves_mode, {"network"}, LEAVING | {"permission"}),
    # Its pass leaves other running statistics in batch norms, too.
    (leaves_gradients, {"network"}, LEAVING | MOVING | {"random_state"}),
    (trains, {"network", "repeatable"}, LEAVING | MOVING),
    (freezes, {"network"}, LEAVING),
    (hook_after_failure, {"failure"}, {"failure"}),
    (swallows, {"failure"}, {"failure"}),
    (sneaks, {"permission"}, EVERYTHING),
    (digs, {"permission"}, EVERYTHING),
    (asks_more, {"shape", "permission"}, EVERYTHING),
    (idle, {"seed"}, {"seed"}),
    (counts, {"repeatable", "seed"}, {"repeatable", "alone", "batch_sizes", "order", "seed"}),
    (refuses_one, {"shape"}, EVERYTHING),
    (nearly, {"batch_sizes"}, {"batch_sizes"}),
]


@pytest.mark.parametrize(("function", "least", "most"), BREACHES, ids=[breach[0].__name__ for breach in BREACHES])
def test_a_breach_is_found_by_its_check(function: Callable[..., Tensor], least: set[str], most: set[str]) -> None:
    found = failed(outcome(function))
    assert least <= found <= most


def test_a_wrong_bill_is_found() -> None:
    for passes in (lambda: (2, 1), lambda: (1, 0), lambda units: (units, 1)):
        found = outcome(Method(gradient, passes=passes))
        assert failed(found) == {"cost"}
        assert "billed are (5, 5) single inputs (forward, backward), declared" in found["cost[table]"].reason


def test_a_sign_that_is_not_declared_is_found() -> None:
    assert not failed(outcome(opposed))
    found = outcome(Method(opposed, signed=False))
    assert failed(found) == {"sign"}
    assert found["sign[table]"].reason == "5 of 5 maps have values below 0: declare signed=True"


def test_a_refusal_is_no_breach() -> None:
    found = outcome(refuses_one)
    assert found["shape[table]"].skipped
    assert found["shape[table]"].reason == "tables are not for me"
    assert found["shape[pictures]"].reason == "ZeroDivisionError: elsewhere"


def refuses_all(x: Tensor) -> Tensor:
    """Refuses everything."""
    raise Refused(f"{x.ndim} axes are not for me")


def test_a_method_that_refuses_every_question_fails() -> None:
    found = outcome(refuses_all)
    assert failed(found) == {"answers"}
    said = "every question is refused, so nothing was checked: 4 axes are not for me; 2 axes are not for me"
    assert found["answers"].reason == said


def test_a_method_that_ends_python_fails() -> None:
    def leaves(x: Tensor) -> Tensor:
        """Ends Python."""
        raise SystemExit

    assert outcome(leaves)["shape[table]"].reason == "SystemExit: "


def test_a_method_of_a_library_that_is_not_installed_is_skipped() -> None:
    found = outcome(Method(refuses_all, library="no_such_library"))
    assert not failed(found)
    assert found["answers"] == Check("answers", True, "no_such_library is not installed", skipped=True)
    assert failed(outcome(Method(refuses_all, library="torch"))) == {"answers"}


def test_failures_are_raised_with_a_line_each_unless_they_are_only_asked_for() -> None:
    with pytest.raises(AssertionError) as raised:
        check_method(idle)
    lines = str(raised.value).splitlines()
    assert lines[0] == f"idle fails 1 of {len(method_checks(idle))} checks:"
    assert lines[1:] == ["  seed: it names `rng`, but its maps do not change with the seed: drop it, or draw from it"]
    assert [check.name for check in check_method(idle, raises=False) if not check.passed] == ["seed"]
    assert all(check.passed for check in check_method(gradient))


def test_breaches_say_what_to_do() -> None:
    assert "name a parameter `rng`" in outcome(global_luck)["repeatable[table]"].advice
    assert "the hooks of the network changed" in outcome(leaves_hook)["network[pictures]"].reason
    assert "the mode of the network" in outcome(leaves_mode)["network[pictures]"].reason
    assert "the gradient of features.0.weight" in outcome(leaves_gradients)["network[pictures]"].reason
    assert "the parameter features.0.weight" in outcome(trains)["network[pictures]"].reason
    assert "numpy's random state changed" in outcome(numpy_luck)["random_state[table]"].reason
    assert "it hides an error of the model" in outcome(swallows)["failure[table]"].reason


def test_checking_leaves_the_global_random_state() -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    for check in (partial(check_method, gradient), partial(check_method, noise)):
        check()
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()
    assert before[2] == np.random.get_state()[1].tolist()
