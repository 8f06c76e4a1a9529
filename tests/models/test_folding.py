"""Batch norms folded into convolutions: the same scores, and the module itself wherever they would not be."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Gate, models
from heatproof.benchmark.checks._questions import seeded
from heatproof.models.adapters import adapt
from heatproof.models.folding import Folded, foldable

X = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def norm(width: int) -> nn.BatchNorm2d:
    part = nn.BatchNorm2d(width)
    part.running_mean, part.running_var = torch.randn(width), torch.rand(width) + 0.5
    part.weight, part.bias = nn.Parameter(torch.randn(width)), nn.Parameter(torch.randn(width))
    return part


class Net(nn.Module):
    """Two convolutions with norms, named out of the order in which they are passed; `wire` connects them."""

    def __init__(self, wire: Callable[["Net", Tensor], Tensor]) -> None:
        super().__init__()
        self.late, self.early = norm(5), norm(5)
        self.second, self.first = nn.Conv2d(5, 5, 3, bias=False), nn.Conv2d(3, 5, 3, padding=1)
        self.head, self.wire = nn.Linear(5, 3), wire

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.wire(self, x).mean((2, 3)))
        return logits


def ordinary(net: Net, x: Tensor) -> Tensor:
    y: Tensor = net.late(net.second(net.early(net.first(x)).relu_()))
    return y


def branching(net: Net, x: Tensor) -> Tensor:
    y = net.first(x)
    return ordinary(net, x) + y[..., 1:-1, 1:-1] + net.early(y)[..., 1:-1, 1:-1]


def leaking(net: Net, x: Tensor) -> Tensor:
    y = net.first(x)
    z: Tensor = net.late(net.second(net.early(y).relu()))
    return z + y[..., 1:-1, 1:-1]


def before(net: Net, x: Tensor) -> Tensor:
    y: Tensor = net.second(net.early(net.first(x).relu()))
    return y


def built(wire: Callable[[Net, Tensor], Tensor]) -> nn.Module:
    return seeded(lambda: Net(wire)).eval()


def count(module: object) -> int:
    assert isinstance(module, nn.Module)
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


@pytest.mark.parametrize(("wire", "left"), [(ordinary, 0), (branching, 1), (leaking, 2), (before, 2)])
def test_scores_are_the_modules_and_norms_go_where_they_can(wire: Callable[[Net, Tensor], Tensor], left: int) -> None:
    module = built(wire)
    fast = Folded(module)
    with torch.no_grad():
        torch.testing.assert_close(fast(X), module(X), rtol=1e-4, atol=1e-5)
    assert count(fast._run) == left
    assert count(module) == 2
    assert not any(part._forward_hooks for part in module.modules())


def test_a_change_of_the_module_is_seen() -> None:
    module = built(ordinary)
    fast = Folded(module)
    with torch.no_grad():
        first = fast(X)
        for change in (module.first.weight, module.early.running_var, module.late.bias):
            change.mul_(1.5)
            assert not torch.equal(fast(X), first)
            torch.testing.assert_close(fast(X), module(X), rtol=1e-4, atol=1e-5)
        module.second = nn.Conv2d(5, 5, 3)
        torch.testing.assert_close(fast(X), module(X), rtol=1e-4, atol=1e-5)


def test_plain_passes_through_the_gate_are_folded_and_gradients_are_not() -> None:
    module = built(ordinary)
    seen: list[int] = []
    module.register_forward_hook(lambda *_: seen.append(1))
    early: list[int] = []
    gate, target = Gate(adapt(module, example=X)), torch.tensor([0, 1, 2, 0])
    assert isinstance(gate.network.fast, Folded)
    gate.score(X, target)
    made = len(seen)
    score = gate.score(X, target)
    assert len(seen) == made + 1, "a hook of the whole network is met on both ways"
    assert count(gate.network.fast._run) == 0
    torch.testing.assert_close(score, gate.score_and_gradient(X, target)[0], rtol=1e-4, atol=1e-6)
    assert gate.meter.forward == 3 * len(X)
    module.early.register_forward_hook(lambda *_: early.append(1))
    gate.score(X, target)
    assert early, "a part that somebody watches stays"
    assert count(gate.network.fast._run) == 1


def test_a_network_made_from_another_does_not_take_its_short_cut() -> None:
    gate = Gate(adapt(built(ordinary), example=X))
    before = gate.logits(X)
    assert gate.randomized(0).network.fast is None
    assert not torch.equal(gate.randomized(0).logits(X), before)

    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = 2 * gate.module(x)
            return logits

    changed = gate.changed(lambda network: replace(network, module=Twice()))
    torch.testing.assert_close(changed.logits(X), 2 * before, rtol=1e-4, atol=1e-5)


def test_what_has_no_batch_norm_is_left_alone() -> None:
    assert foldable(nn.Linear(3, 2)) is None
    assert adapt(nn.Linear(3, 2)).fast is None


def test_the_embedded_network_gives_its_own_scores() -> None:
    network = models["creatures_resnet"].function()
    x = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(Gate(network).logits(x), network.logits(x), rtol=1e-4, atol=1e-4)
    assert isinstance(network.fast, Folded)
    assert count(network.fast._run) == 0
