"""Networks: one way to compute, and untrained copies."""

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Network


class Bare(nn.Module):
    """A network of layers that can reset themselves, and of parameters that nobody resets."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 4, 2)
        self.norm = nn.BatchNorm2d(4)
        self.attention = nn.MultiheadAttention(4, 2)
        self.token = nn.Parameter(torch.randn(1, 1, 4))
        self.scale = nn.Parameter(torch.full((4,), 0.1))
        self.single = nn.Parameter(torch.tensor(3.0))

    def forward(self, x: Tensor) -> Tensor:
        return x


def trained() -> Bare:
    """A network whose every parameter and statistic has moved from where it started."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        module = Bare()
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        module.norm.running_mean += 1.0
        return module


def test_every_parameter_is_drawn_anew_bare_ones_included() -> None:
    module = trained()
    copy = Network(module).randomized(3).module
    assert copy is not None
    new = dict(copy.named_parameters())
    same = [name for name, old in module.named_parameters() if bool((old == new[name]).any())]
    assert not same
    assert copy.norm.running_mean.tolist() == [0, 0, 0, 0]  # type: ignore[union-attr,operator]


def test_the_trained_network_stays() -> None:
    module = trained()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    Network(module).randomized(3)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_copy_is_the_same_for_the_same_seed_and_leaves_the_global_random_state() -> None:
    network, state = Network(trained()), torch.get_rng_state()
    first, again, other = (network.randomized(seed).module for seed in (3, 3, 4))
    assert torch.equal(state, torch.get_rng_state())
    assert first is not None
    assert again is not None
    assert other is not None
    pairs = zip(first.parameters(), again.parameters(), other.parameters(), strict=True)
    for one, same, different in pairs:
        assert torch.equal(one, same)
        if one.ndim > 1:
            assert not torch.equal(one, different)


def test_bare_parameters_keep_their_spread() -> None:
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(5 * torch.randn(200, 200, generator=torch.Generator().manual_seed(0)))

    copy = Network(Wide()).randomized(0).module
    assert copy is not None
    assert float(next(copy.parameters()).detach().std()) == pytest.approx(5, rel=0.02)


def test_a_network_computes_in_exactly_one_way() -> None:
    for words in ({}, {"module": nn.Linear(1, 1), "predict": torch.exp}):
        with pytest.raises(ValueError, match="either a module or a predict function"):
            Network(**words)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no parameters to draw anew"):
        Network(predict=torch.exp).randomized(0)
