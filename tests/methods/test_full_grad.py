"""FullGrad against the decomposition by hand, completeness on piecewise linear networks, refusals of others."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from heatproof.benchmark import Batch, Gate, Network, Refused, grid_units, methods
from heatproof.benchmark.checks._questions import Question, seeded
from heatproof.benchmark.harness import Asked, explain
from heatproof.methods.gradients._biases import bias_of, with_sheet

Ask = Callable[..., Question]


class Net(nn.Module):
    """Convolutions, batch norms that have seen something, a branch, pooling, two linear layers, in place where it can.

    `last` is called as a function, so that no look at the modules could find it.
    """

    def __init__(self, last: Callable[[Tensor], Tensor] = torch.relu) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.second, self.plain = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4, affine=False)
        self.rectify, self.pool = nn.LeakyReLU(0.1, inplace=True), nn.MaxPool2d(2)
        self.third = nn.Conv2d(4, 4, 3, padding=1)
        self.hidden, self.head = nn.Linear(4 * 2 * 3, 7), nn.Linear(7, 3)
        self.last = last
        for norm in (self.norm, self.plain):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2)
        nn.init.normal_(self.norm.weight)
        nn.init.normal_(self.norm.bias)
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        y = self.rectify(self.norm(self.first(x)))
        y = self.pool(self.rectify(y + self.plain(self.second(y))))
        logits: Tensor = self.head(self.last(self.hidden(self.rectify(self.third(y)).flatten(1))))
        return logits


def question(
    module: nn.Module, readout: str = "logit", preprocess: Callable[[Tensor], Tensor] | None = None
) -> Question:
    x = torch.rand(5, 2, 4, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    batch = Batch(tuple("abcde"), x, torch.arange(5) % 3, grid_units(x, 2), torch.zeros_like(x))
    network = Network(module, preprocess=preprocess) if preprocess else Network(module)
    return Question(Gate(network, readout), batch)


def found(asked: Question) -> Tensor:
    maps: Tensor = methods["full_grad"].function(asked.gate, asked.batch.x, asked.batch.target)
    return maps


def terms_by_hand(net: Net, x: Tensor, target: int) -> tuple[list[Tensor], list[Tensor], float]:
    """Return the terms of one picture with places, those without, and its logit: autograd at each layer's output."""
    outputs: dict[nn.Module, Tensor] = {}
    hooks = [
        layer.register_forward_hook(lambda layer, _, out: outputs.update({layer: out}) or out.clone())
        for layer in (net.first, net.norm, net.plain, net.third, net.hidden, net.head)
    ]
    leaf = x[None].clone().requires_grad_()
    logit = net(leaf)[0, target]
    for hook in hooks:
        hook.remove()
    slopes = dict(zip(outputs, torch.autograd.grad(logit, list(outputs.values()), retain_graph=True), strict=True))
    root = (net.norm.running_var + net.norm.eps).sqrt()
    shift = net.norm.bias - net.norm.weight * net.norm.running_mean / root
    alone = -net.plain.running_mean / (net.plain.running_var + net.plain.eps).sqrt()
    placed = [x * torch.autograd.grad(logit, leaf, retain_graph=True)[0][0]]
    biases = ((net.first, net.first.bias), (net.norm, shift), (net.plain, alone), (net.third, net.third.bias))
    for layer, bias in biases:
        placed.append(bias[:, None, None] * slopes[layer][0])
    return placed, [net.hidden.bias * slopes[net.hidden][0], net.head.bias * slopes[net.head][0]], logit.item()


def rescaled(terms: Tensor, size: tuple[int, int]) -> Tensor:
    sizes = terms.detach().abs()
    scaled = (sizes - sizes.min()) / (sizes.max() - sizes.min())
    return sum(interpolate(channel[None, None], size, mode="bilinear", align_corners=True)[0, 0] for channel in scaled)


def test_equals_the_decomposition_by_hand() -> None:
    net = seeded(Net)
    asked = question(net)
    for x, target, row in zip(asked.batch.x, asked.batch.target.tolist(), found(asked), strict=True):
        placed, _, _ = terms_by_hand(net, x, target)
        expected = sum(rescaled(terms, (4, 6)) for terms in placed)
        torch.testing.assert_close(row[0], expected, rtol=1e-9, atol=1e-9)


def test_terms_by_hand_add_up_to_the_logit() -> None:
    net = seeded(Net)
    asked = question(net)
    for x, target in zip(asked.batch.x, asked.batch.target.tolist(), strict=True):
        placed, others, logit = terms_by_hand(net, x, target)
        assert sum(terms.sum().item() for terms in placed + others) == pytest.approx(logit, rel=1e-12)


@pytest.mark.parametrize("readout", ["logit", "probability", "log_odds", "margin"])
def test_what_is_put_down_adds_up_to_nothing(readout: str) -> None:
    """Input and biases, less the logits, each times its gradient: zero for any readout."""
    asked = question(seeded(Net), readout)
    both = torch.cat([asked.batch.x, torch.zeros(5, 3, 4, 6, dtype=torch.float64)], 1)
    sheet = asked.gate.changed(with_sheet).gradient(both, asked.batch.target)[:, -3:]
    assert (sheet[:, 1].abs() <= 1e-14 * sheet[:, 2]).all()
    assert (sheet[:, 2] > 0).all()


def test_puts_down_the_sum_of_all_sizes() -> None:
    net = seeded(Net)
    asked = question(net)
    both = torch.cat([asked.batch.x, torch.zeros(5, 3, 4, 6, dtype=torch.float64)], 1)
    sheet = asked.gate.changed(with_sheet).gradient(both, asked.batch.target)[:, -3:]
    for x, target, row in zip(asked.batch.x, asked.batch.target.tolist(), sheet, strict=True):
        placed, others, logit = terms_by_hand(net, x, target)
        expected = sum(terms.abs().sum().item() for terms in placed + others) + abs(logit)
        assert row[2].unique().tolist() == pytest.approx([expected], rel=1e-12)


def test_reads_the_input_as_the_network_gets_it() -> None:
    """Normalised beforehand, or by the gate, the picture has the same map."""
    inside = question(seeded(Net), preprocess=lambda x: (x - 0.4) / 0.3)
    outside = question(seeded(Net))
    outside.batch.x.sub_(0.4).div_(0.3)
    torch.testing.assert_close(found(inside), found(outside), rtol=1e-9, atol=1e-9)


def test_a_coarser_network_gives_a_map_of_the_pictures_size() -> None:
    asked = question(seeded(Net), preprocess=lambda x: interpolate(x, (4, 6)))
    wide = interpolate(asked.batch.x, scale_factor=3.0)
    maps = methods["full_grad"].function(asked.gate, wide, asked.batch.target)
    assert maps.shape == (5, 1, 12, 18)
    corners = maps[:, :, ::11, ::17]
    torch.testing.assert_close(corners, found(asked)[:, :, ::3, ::5], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("last", [torch.tanh, nn.functional.gelu, nn.functional.silu, lambda y: y.clamp(-0.05, 0.05)])
def test_refuses_what_is_not_piecewise_linear_or_has_hidden_biases(last: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(
        Refused, match=r"full_grad needs a piecewise linear network .* of this one, [0-9.]+% of the terms"
    ):
        found(question(seeded(lambda: Net(last))))


def test_refuses_a_bare_parameter() -> None:
    class Shifted(Net):
        def __init__(self) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.ones(1, dtype=torch.float64))

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + self.shift

    with pytest.raises(Refused, match="biases in convolutions, batch norms and linear layers only"):
        found(question(seeded(Shifted)))


def test_refuses_layers_whose_rows_are_not_pictures() -> None:
    class Patched(Net):
        def forward(self, x: Tensor) -> Tensor:
            halves = super().forward(torch.cat([x, x.flip(2)]))
            return halves[: len(x)] + halves[len(x) :]

    with pytest.raises(Refused, match="a layer has 10 rows for 5 pictures"):
        found(question(seeded(Patched)))


def test_refuses_tables_and_models_without_a_module(additive: Ask) -> None:
    table = additive(pictures=False)
    with pytest.raises(Refused, match="full_grad needs pictures"):
        explain(Asked(methods["full_grad"], {}), table.gate, table.batch)
    with pytest.raises(Refused, match="no module to find biases in"):
        with_sheet(Network(predict=lambda x: x))


def test_a_flat_score_has_an_empty_map() -> None:
    net = seeded(Net)
    with torch.no_grad():
        net.head.weight.zero_()
    assert not found(question(net)).any()


class NormAct(nn.BatchNorm2d):
    """A batch norm with parts that its sum passes through, as timm's are."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.drop, self.act = nn.Identity(), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.act(self.drop(super().forward(x)))
        return found


def test_a_batch_norm_that_rectifies_is_a_batch_norm_and_a_rectifier() -> None:
    whole = seeded(lambda: nn.Sequential(nn.Conv2d(2, 3, 3), NormAct(3), nn.Flatten(), nn.Linear(24, 3)).double())
    nn.init.normal_(whole[1].running_mean)
    norm = nn.BatchNorm2d(3).double()
    norm.load_state_dict(whole[1].state_dict())
    parts = nn.Sequential(whole[0], norm, nn.ReLU(), *whole[2:])
    torch.testing.assert_close(found(question(whole)), found(question(parts)), rtol=1e-12, atol=1e-12)


def test_bias_of_a_batch_norm_is_its_value_at_zero() -> None:
    net = seeded(Net)
    for norm in (net.norm, net.plain):
        torch.testing.assert_close(bias_of(norm), norm(torch.zeros(1, 4, 1, 1, dtype=torch.float64)).flatten())
    assert bias_of(nn.BatchNorm2d(3, track_running_stats=False)) is None
    assert bias_of(nn.Conv2d(2, 2, 1, bias=False)) is None
    assert bias_of(nn.ReLU()) is None


def test_removes_its_hooks_after_a_failure() -> None:
    net = seeded(lambda: Net(lambda y: y[:, :3]))
    with pytest.raises(RuntimeError):
        found(question(net))
    assert not any(layer._forward_hooks for layer in net.modules())
