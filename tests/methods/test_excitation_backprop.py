"""Excitation backpropagation against the chances of all walks, by loops."""

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Gate, Network, Refused, methods
from heatproof.benchmark.checks._questions import Asked as Module
from heatproof.benchmark.checks._questions import seeded


def given(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def found(name: str, module: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    maps: Tensor = methods[name].function(Gate(Network(module)), x, target)
    return maps


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)).double()


def chance(weight: Tensor, x: Tensor) -> Tensor:
    """The chance (K, D) of going from each output to each input."""
    excited = (weight * x).clamp(min=0)
    return torch.where(excited.sum(1, keepdim=True) > 0, excited / excited.sum(1, keepdim=True), 0)


def walks(module: nn.Module, x: Tensor, target: int, sign: int = 1) -> Tensor:
    """Add up the chances of all walks, one by one; the first step may be by weights of the other sign."""
    inputs = [x, module[:2](x), module[:4](x)]
    steps = [chance(module[at].weight, inputs[i]) for i, at in enumerate((0, 2))]
    last = chance(sign * module[4].weight, inputs[2])
    total = torch.zeros(len(x), dtype=torch.float64)
    for upper, middle, lower in product(range(4), range(6), range(5)):
        total[lower] += last[target, upper] * steps[1][upper, middle] * steps[0][middle, lower]
    return total


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_equals_the_chance_of_all_walks(shift: float) -> None:
    module, x, target = seeded(mlp), given(3, 5) - shift, torch.arange(3)
    with torch.no_grad():
        there = torch.stack([walks(module, row, k) for k, row in enumerate(x)])
        dual = torch.stack([walks(module, row, k, -1) for k, row in enumerate(x)])
    assert there.sum() > 1
    torch.testing.assert_close(found("excitation_backprop", module, x, target), there, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found("contrastive_excitation", module, x, target), there - dual, rtol=1e-9, atol=1e-12)


def test_all_walks_end_somewhere() -> None:
    """With positive weights every active unit has a way down: maxima, means, sums and dropped biases lose nothing."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
            self.norm, self.head = nn.BatchNorm2d(3), nn.Linear(3, 3)
            for parameter in self.parameters():
                parameter.data.abs_()

        def forward(self, x: Tensor) -> Tensor:
            x = self.first((x - 0.1) / 0.5 + 0.3).relu() + 0.2
            y = self.norm(self.second(x))
            y += x
            y = nn.functional.max_pool2d(y.relu(), 3, 2)
            return self.head(1 - 1 + y.mean((2, 3)))  # type: ignore[no-any-return]

    maps = found("excitation_backprop", seeded(Residual).double(), given(3, 2, 8, 8), torch.arange(3))
    torch.testing.assert_close(maps.flatten(1).sum(1), torch.ones(3, dtype=torch.float64), rtol=1e-9, atol=1e-12)


def test_a_sum_goes_to_the_branches_that_excite() -> None:
    x = torch.tensor([[3.0, 1.0]]).double()

    def branches(x: Tensor) -> Tensor:
        wide = torch.nn.functional.linear(x, torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, -4.0]]).double())
        return (wide[:, 0] + wide[:, 1] + wide[:, 2]).relu()

    # 3 + 2 - 4: the third branch inhibits.
    map_ = found("excitation_backprop", Module(branches), x, torch.zeros(1, dtype=torch.int64))
    assert map_[0].tolist() == pytest.approx([0.6, 0.4], abs=1e-12)


def test_a_negative_logit_turns_nothing_round() -> None:
    module, x = seeded(mlp), given(3, 5)
    with torch.no_grad():
        module[4].bias.fill_(-9e4)
    assert bool((module(x) < 0).all())
    assert bool((found("excitation_backprop", module, x, torch.arange(3)) >= 0).all())


def test_logits_may_be_cast_at_the_end() -> None:
    """A network in double precision whose logits are handed over in single precision has the same dual."""

    class Single(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = mlp()

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.inner(x)
            return logits.float()

    x, target = given(3, 5), torch.arange(3)
    cast, plain = (found("contrastive_excitation", seeded(make), x, target) for make in (Single, mlp))
    torch.testing.assert_close(cast, plain, rtol=1e-6, atol=1e-9)


def test_contrast_needs_a_linear_layer_at_the_end() -> None:
    with pytest.raises(Refused, match="no dual of the target: contrastive excitation needs a network that ends with"):
        found("contrastive_excitation", nn.Sequential(mlp(), nn.ReLU()), given(3, 5), torch.arange(3))


def test_refuses_differences_of_activations() -> None:
    network = Module(lambda x: x[:, :3].relu() - x[:, 2:5].relu())
    with pytest.raises(Refused, match="no rule for a difference of activations"):
        found("excitation_backprop", network, given(3, 5), torch.arange(3))
