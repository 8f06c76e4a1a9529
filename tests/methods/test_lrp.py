"""Relevance propagation against the published formulas by plain loops, zennit, captum, and conservation."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache

import pytest
import torch
from captum.attr import LRP
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Network, Refused, column_units, grid_units, methods
from heatproof.benchmark.checks._questions import Asked as Module
from heatproof.benchmark.checks._questions import Question, ask, seeded
from heatproof.benchmark.harness import Asked, explain
from heatproof.models._torchvision import timm
from heatproof.models.adapters import Pixels
from heatproof.models.creatures import resnet, vit

EPSILON = 1e-6
TINY = 1e-12
NOTHING = {"epsilon": TINY, "stabilizer": TINY}
"""Zennit's additions to denominators, all but nothing: ours have none."""
Share = Callable[["Step", int, list[float], list[float], float], list[float]]


@dataclass
class Step:
    """A linear step, as a matrix."""

    weight: list[list[float]]
    bias: list[float]
    connected: list[list[float]]


def given(*shape: int, seed: int = 3) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def conv_net() -> nn.Module:
    """Convolutions with a batch norm and without, one of them strided, and dense layers; all with biases."""
    norm = nn.BatchNorm2d(3)
    norm.running_mean.copy_(torch.tensor([0.1, -0.2, 0.3]))
    norm.running_var.copy_(torch.tensor([0.5, 1.5, 0.8]))
    norm.weight.data.copy_(torch.tensor([1.2, -0.7, 0.9]))
    norm.bias.data.copy_(torch.tensor([0.05, 0.1, -0.1]))
    features = [nn.Conv2d(2, 3, 3, padding=1), norm, nn.ReLU(), nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*features, nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 3)).double().eval()


def step(function: Callable[[Tensor], Tensor], ones: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> Step:
    """Read a linear step off a function, input by input."""
    zero = torch.zeros(1, *shape, dtype=torch.float64)
    bias = function(zero).flatten()
    units = torch.eye(zero.numel(), dtype=torch.float64).reshape(-1, *shape)
    weight = (function(units).flatten(1) - bias).T
    return Step(weight.tolist(), bias.tolist(), (ones(units).flatten(1).T > 0).double().tolist())


@cache
def steps() -> list[Step]:
    net = seeded(conv_net)

    def blank(layer: nn.Module) -> Callable[[Tensor], Tensor]:
        other = deepcopy(layer)
        nn.init.ones_(other.weight)
        nn.init.zeros_(other.bias)
        return other  # type: ignore[no-any-return]

    with torch.no_grad():
        return [
            step(lambda x: net[1](net[0](x)), blank(net[0]), (2, 6, 6)),
            step(net[3], blank(net[3]), (3, 6, 6)),
            step(net[6], net[6], (16,)),
            step(net[8], net[8], (5,)),
        ]


def epsilon(of: Step, j: int, x: list[float], z: list[float], r: float) -> list[float]:
    return [w * v / (z[j] + (-EPSILON if z[j] < 0 else EPSILON)) * r for w, v in zip(of.weight[j], x, strict=True)]


def in_proportion(of: Step, j: int, x: list[float], z: list[float], r: float) -> list[float]:
    return [w * v / z[j] * r for w, v in zip(of.weight[j], x, strict=True)]


def ratio(a: float, b: float) -> float:
    return a / b if b else 0.0


def gamma(much: float) -> Share:
    def share(of: Step, j: int, x: list[float], z: list[float], r: float) -> list[float]:
        sign = 1 if z[j] > 0 else -1
        parts = [w * v for w, v in zip([*of.weight[j], of.bias[j]], [*x, 1.0], strict=True)]
        favoured = [c + much * c if c * sign > 0 else c for c in parts]
        total = sum(favoured)
        return [ratio(c, total) * r for c in favoured[:-1]]

    return share


def alpha_beta(alpha: float, beta: float) -> Share:
    def share(of: Step, j: int, x: list[float], z: list[float], r: float) -> list[float]:
        parts = [w * v for w, v in zip([*of.weight[j], of.bias[j]], [*x, 1.0], strict=True)]
        up, down = sum(c for c in parts if c > 0), sum(c for c in parts if c < 0)
        return [(alpha * ratio(max(c, 0), up) - beta * ratio(min(c, 0), down)) * r for c in parts[:-1]]

    return share


def flat(of: Step, j: int, x: list[float], z: list[float], r: float) -> list[float]:
    return [c / sum(of.connected[j]) * r for c in of.connected[j]]


def box(low: float, high: float) -> Share:
    def share(of: Step, j: int, x: list[float], z: list[float], r: float) -> list[float]:
        parts = [w * v - max(w, 0) * low - min(w, 0) * high for w, v in zip(of.weight[j], x, strict=True)]
        return [c / sum(parts) * r for c in parts]

    return share


def by_loops(x: Tensor, target: int, shares: list[Share]) -> list[float]:
    """Hand relevance down, output by output and input by input."""
    inputs, outputs, value = [], [], x.flatten().tolist()
    for at, of in enumerate(steps()):
        inputs.append([max(v, 0.0) for v in value] if at else value)
        value = [
            sum(w * v for w, v in zip(row, inputs[-1], strict=True)) + b
            for row, b in zip(of.weight, of.bias, strict=True)
        ]
        outputs.append(value)
    relevance = [v if k == target else 0.0 for k, v in enumerate(value)]
    for of, given_, z, share in reversed(list(zip(steps(), inputs, outputs, shares, strict=True))):
        parts = [share(of, j, given_, z, r) for j, r in enumerate(relevance)]
        relevance = [sum(column) for column in zip(*parts, strict=True)]
    return relevance


CASES: dict[str, tuple[str, dict[str, object], list[Share]]] = {
    "epsilon": ("lrp_epsilon", {}, [epsilon] * 4),
    "gamma": ("lrp_gamma", {}, [gamma(0.25)] * 4),
    "gamma 1": ("lrp_gamma", {"gamma": 1.0}, [gamma(1.0)] * 4),
    "alpha 2 beta 1": ("lrp_alpha_beta", {}, [alpha_beta(2, 1)] * 4),
    "alpha 1 beta 0": ("lrp_alpha_beta", {"alpha": 1.0, "beta": 0.0}, [alpha_beta(1, 0)] * 4),
    "plus": ("lrp_composite", {}, [flat, alpha_beta(1, 0), in_proportion, in_proportion]),
    "a2b1": (
        "lrp_composite",
        {"composite": "epsilon_alpha2_beta1"},
        [flat, alpha_beta(2, 1), in_proportion, in_proportion],
    ),
    "box": (
        "lrp_composite",
        {"composite": "epsilon_gamma_box"},
        [box(0, 1), gamma(0.25), in_proportion, in_proportion],
    ),
    "wide box": (
        "lrp_composite",
        {"composite": "epsilon_gamma_box", "low": -1.0, "high": 3.0},
        [box(-1, 3), gamma(0.25), in_proportion, in_proportion],
    ),
    "attention has no part in it": ("attn_lrp", {}, [gamma(0.25), gamma(0.25), gamma(0.05), gamma(0.05)]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("centred", [False, True])
def test_equals_the_formulas_by_loops(case: str, centred: bool) -> None:
    """Batch norms are one with the convolution before them; inputs of both signs, except in a box that has none."""
    name, settings, shares = CASES[case]
    if centred and case == "box":
        pytest.skip("negative inputs lie outside of the box")
    x = given(2, 2, 6, 6) - 0.5 * centred
    target = torch.tensor([0, 2])
    found = methods[name].function(Gate(Network(seeded(conv_net))), x, target, **settings)
    for row, map_, index in zip(x, found, target.tolist(), strict=True):
        expected = torch.tensor(by_loops(row, index, shares), dtype=torch.float64)
        torch.testing.assert_close(map_.flatten(), expected, rtol=1e-8, atol=1e-10)


def sequential() -> nn.Module:
    """A network that zennit and captum take: modules in a row, none used twice."""
    features = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*features, nn.Linear(5 * 2 * 2, 6), nn.ReLU(), nn.Linear(6, 3)).double()


def found(name: str, module: nn.Module, x: Tensor, target: Tensor, **settings: object) -> Tensor:
    maps: Tensor = methods[name].function(Gate(Network(module)), x, target, **settings)
    return maps


def test_equals_captum_epsilon() -> None:
    """Captum's LRP adds 1e-9 to denominators."""
    module, x, target = seeded(sequential), given(4, 3, 8, 8) - 0.3, torch.tensor([0, 1, 2, 0])
    # Flattening has no rule there, so it has to be a function.
    inner = seeded(sequential)

    class Flattened(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features, self.head = inner[:5], inner[6:]

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.features(x).flatten(1))  # type: ignore[no-any-return]

    expected = LRP(Flattened()).attribute(x.clone().requires_grad_(), target=target)
    torch.testing.assert_close(found("lrp_epsilon", module, x, target, epsilon=1e-9), expected.detach())


@pytest.mark.parametrize(
    ("name", "settings", "composite"),
    [
        ("lrp_epsilon", {}, ("Epsilon", {"epsilon": EPSILON})),
        ("lrp_epsilon", {"epsilon": 0.1}, ("Epsilon", {"epsilon": 0.1})),
        ("lrp_gamma", {}, ("Gamma", {"gamma": 0.25, "stabilizer": TINY})),
        ("lrp_alpha_beta", {}, ("AlphaBeta", {"alpha": 2, "beta": 1, "stabilizer": TINY})),
        ("lrp_alpha_beta", {"alpha": 1.0, "beta": 0.0}, ("ZPlus", {"stabilizer": TINY})),
        ("lrp_composite", {}, ("EpsilonPlusFlat", NOTHING)),
        ("lrp_composite", {"composite": "epsilon_alpha2_beta1"}, ("EpsilonAlpha2Beta1Flat", NOTHING)),
        (
            "lrp_composite",
            {"composite": "epsilon_gamma_box"},
            ("EpsilonGammaBox", {"low": 0.0, "high": 1.0, **NOTHING}),
        ),
    ],
)
def test_equals_zennit(name: str, settings: dict[str, object], composite: tuple[str, dict[str, float]]) -> None:
    zennit = pytest.importorskip("zennit")
    pytest.importorskip("zennit.composites")
    pytest.importorskip("zennit.rules")
    kind, options = composite
    if hasattr(zennit.rules, kind):
        layers, base = zennit.types.Linear, zennit.composites.layer_map_base()
        chosen = zennit.composites.LayerMapComposite([*base, (layers, getattr(zennit.rules, kind)(**options))])
    else:
        chosen = getattr(zennit.composites, kind)(**options)
    module, x, target = seeded(sequential), given(4, 3, 8, 8), torch.tensor([0, 1, 2, 0])
    other, leaf = seeded(sequential), x.clone().requires_grad_()
    with chosen.context(other) as changed:
        output = changed(leaf)
        seed = output.detach() * nn.functional.one_hot(target, 3)
        (expected,) = torch.autograd.grad(output, leaf, seed)
    torch.testing.assert_close(found(name, module, x, target, **settings), expected, rtol=1e-6, atol=1e-8)


def without_biases(module: nn.Module) -> nn.Module:
    """Set to zero whatever adds a constant, and give batch norms something to scale."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.rpartition(".")[2] in ("bias", "pos_embed", "cls_token"):
                parameter.zero_()
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_var.copy_(torch.linspace(0.5, 1.5, len(part.running_var)))
    return module.double().eval()


PURE = {"resnet": resnet, "vit": vit}


@pytest.mark.parametrize("network", PURE)
@pytest.mark.parametrize("name", ["lrp_epsilon", "lrp_gamma", "lrp_composite", "lrp_alpha_beta"])
def test_relevance_adds_up_to_the_logit_where_no_bias_takes_any(name: str, network: str) -> None:
    """Residual sums, poolings, batch norms, attention and layer norms lose nothing, and double nothing."""
    if network == "vit" and name == "lrp_alpha_beta":
        pytest.skip("a hidden value with no positive contribution has none to share")
    module = without_biases(seeded(PURE[network]))
    x, target = given(3, 3, 64, 64), torch.tensor([0, 4, 9])
    gate = Gate(Network(module, preprocess=Pixels((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))), "logit")
    settings = {"epsilon": 1e-12} if name == "lrp_epsilon" else {}
    total = methods[name].function(gate, x, target, **settings).flatten(1).sum(1)
    logit = gate.score(x, target)
    assert logit.abs().amax() > 1e-3
    loss = {"lrp_epsilon": 1e-6, "lrp_gamma": 1e-2}.get(name, 0.05)
    torch.testing.assert_close(total, logit, rtol=loss, atol=loss * float(logit.abs().amax()))


def test_biases_take_the_rest() -> None:
    """A bias is the weight of an input that is always one: with that input, everything adds up to the logit."""

    class Lifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(5, 6, bias=False), nn.Linear(7, 3, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.first(x).relu()
            return self.second(torch.cat([hidden, x[:, 4:]], 1))  # type: ignore[no-any-return]

    lifted = seeded(Lifted).double()
    plain = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    with torch.no_grad():
        for at, layer in ((0, lifted.first), (2, lifted.second)):
            plain[at].weight.copy_(layer.weight[:, :-1])
            plain[at].bias.copy_(layer.weight[:, -1])
    x, target = given(3, 4), torch.arange(3)
    whole = found("lrp_epsilon", lifted, torch.cat([x, torch.ones(3, 1)], 1), target, epsilon=0.0)
    torch.testing.assert_close(found("lrp_epsilon", plain, x, target, epsilon=0.0), whole[:, :4])
    torch.testing.assert_close(whole.sum(1), plain(x).diagonal().detach())


@pytest.mark.parametrize("name", ["lrp_epsilon", "lrp_gamma", "lrp_alpha_beta", "lrp_composite", "attn_lrp"])
def test_normalising_is_reading_wherever_it_is_done(name: str) -> None:
    """Before the gate, behind it, in the network, or as a batch norm: relevance is that of the first layer's input."""
    module, x, target = seeded(sequential), given(3, 3, 8, 8), torch.arange(3)
    mean, std = x.new_tensor([0.5, 0.4, 0.3])[:, None, None], x.new_tensor([0.2, 0.3, 0.4])[:, None, None]
    settings = {"composite": "epsilon_plus"} if name == "lrp_composite" else {}
    expected = found(name, module, (x - mean) / std, target, **settings)
    norm = nn.BatchNorm2d(3, eps=0, affine=False).double().eval()
    norm.running_mean.copy_(mean.flatten())
    norm.running_var.copy_(std.flatten() ** 2)
    inside = {
        "formula": Module(lambda x: module((x - mean) / std)),
        "in place": Module(lambda x: module(x.sub_(mean).div_(std))),
        "batch norm": nn.Sequential(norm, module),
        "cut and joined": Module(
            lambda x: module(torch.cat([(x[:, i : i + 1] - mean[i]) / std[i] for i in range(3)], 1))
        ),
    }
    for how, network in inside.items():
        torch.testing.assert_close(found(name, network, x, target, **settings), expected, msg=how)
    gate = Gate(Network(module, preprocess=Pixels((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))))
    torch.testing.assert_close(methods[name].function(gate, x, target, **settings), expected)


def test_a_box_in_the_pixels_is_a_box_behind_normalising() -> None:
    """Of a picture in [0, 1], normalised behind the gate, relevance is that with normalised bounds."""
    module, x, target = nn.Conv2d(1, 1, 3, bias=False).double(), given(2, 1, 3, 3), torch.zeros(2, dtype=torch.int64)
    gate = Gate(Network(nn.Sequential(module, nn.Flatten()), preprocess=Pixels((0.5,), (0.25,))), "logit")
    weight, read = module.weight[0].detach(), (x - 0.5) / 0.25
    parts = weight * read - weight.clamp(min=0) * -2 - weight.clamp(max=0) * 2
    # One output is read as two logits, of which the first is the negative half.
    expected = -parts / parts.sum((1, 2, 3), keepdim=True) * (weight * read).sum((1, 2, 3), keepdim=True) / 2
    box_ = methods["lrp_composite"].function(gate, x, target, composite="epsilon_gamma_box")
    torch.testing.assert_close(box_, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["lrp_epsilon", "lrp_composite"])
def test_resizing_hands_relevance_on_whole(name: str) -> None:
    """A pixel gets what the larger pixels that are made of it have, by its part in each."""
    module, x, target = seeded(sequential), given(2, 3, 4, 4), torch.tensor([0, 1])
    gate = Gate(Network(module, preprocess=Pixels(size=(8, 8))))
    large = found(name, module, Pixels(size=(8, 8))(x), target)
    small = methods[name].function(gate, x, target)
    torch.testing.assert_close(small.flatten(2).sum(2), large.flatten(2).sum(2))
    part = torch.autograd.functional.jacobian(Pixels(size=(8, 8)), x[:1, :1]).reshape(64, 16)
    torch.testing.assert_close(small.flatten(2), large.flatten(2) @ part)


def test_a_sum_of_the_input_is_shared_by_contribution() -> None:
    x = given(2, 6)
    torch.testing.assert_close(
        found("lrp_epsilon", Module(lambda x: x.sum(1)), x, torch.zeros(2, dtype=torch.int64)), x
    )


def test_divisors_and_normalisers_take_nothing() -> None:
    x, target = given(2, 6) - 0.5, torch.zeros(2, dtype=torch.int64)
    unit = Module(lambda x: nn.functional.normalize(3 * x).relu().sum(1))
    torch.testing.assert_close(found("lrp_epsilon", unit, x, target), x.relu() / x.norm(dim=1, keepdim=True))


def test_factors_share_alike() -> None:
    x, target = given(2, 6), torch.zeros(2, dtype=torch.int64)
    product = found("lrp_epsilon", Module(lambda x: x[:, 0] * x[:, 1]), x, target)
    expected = torch.zeros_like(x)
    expected[:, :2] = (x[:, 0] * x[:, 1] / 2)[:, None]
    torch.testing.assert_close(product, expected)
    thrice = Module(lambda x: torch.einsum("n,n,n->n", *(x[:, :3].relu().unbind(1))))
    expected = torch.zeros_like(x)
    expected[:, :3] = (x[:, :3].prod(1) / 3)[:, None]
    torch.testing.assert_close(found("lrp_epsilon", thrice, x, target), expected)


def test_a_table_has_relevance_in_every_composite_that_fits_it() -> None:
    """A first dense layer goes by epsilon: sharing alike would make all columns the same."""
    module = seeded(lambda: nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3)).double())
    x, target = given(3, 8) * 9 - 4, torch.arange(3)
    expected = found("lrp_epsilon", module, x, target, epsilon=0.0)
    for composite in ("epsilon_plus", "epsilon_alpha2_beta1", "epsilon_gamma_box"):
        torch.testing.assert_close(found("lrp_composite", module, x, target, composite=composite), expected)


@pytest.mark.parametrize("transposed", [nn.ConvTranspose2d(3, 3, 3, groups=3), nn.ConvTranspose2d(3, 3, 3)])
def test_a_batch_norm_after_what_it_cannot_join_loses_nothing_but_its_bias(transposed: nn.Module) -> None:
    norm = nn.BatchNorm2d(3)
    norm.running_var.fill_(2.0)
    nn.init.zeros_(transposed.bias)
    module = nn.Sequential(transposed, norm, nn.ReLU(), norm, nn.Flatten(), nn.Linear(75, 3, bias=False)).double()
    x, target = given(2, 3, 3, 3), torch.tensor([0, 1])
    gate = Gate(Network(module), "logit")
    total = methods["lrp_epsilon"].function(gate, x, target, epsilon=0.0).flatten(1).sum(1)
    torch.testing.assert_close(total, gate.score(x, target))


def test_a_layer_whose_output_was_changed_is_not_joined_with_the_batch_norm() -> None:
    def network(change: Callable[[Tensor], Tensor]) -> nn.Module:
        conv, norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)
        norm.running_var.fill_(3.0)
        head = nn.Linear(8, 3)

        class Changed(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv, self.norm, self.head = conv, norm, head

            def forward(self, x: Tensor) -> Tensor:
                return self.head(self.norm(change(self.conv(x))).flatten(1))  # type: ignore[no-any-return]

        return Changed().double()

    x, target = given(2, 1, 4, 4) - 0.5, torch.tensor([0, 1])
    ways: list[Callable[[Tensor], Tensor]] = [torch.relu, torch.relu_, lambda z: (z.view(-1).relu_(), z)[1]]
    expected, *others = (found("lrp_gamma", seeded(lambda way=way: network(way)), x, target) for way in ways)
    for other in others:
        torch.testing.assert_close(other, expected)


def test_refuses_inputs_outside_of_the_box() -> None:
    x = given(2, 3, 8, 8) * 2
    with pytest.raises(Refused, match=r"the box rule is for inputs within \[0, 1\]: give `low` and `high`"):
        found("lrp_composite", seeded(sequential), x, torch.tensor([0, 1]), composite="epsilon_gamma_box")


def test_an_unknown_composite_names_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="composite 'plus' is unknown; choose one of epsilon_plus, epsilon_alpha2_beta1"
    ):
        found("lrp_composite", seeded(sequential), given(1, 3, 8, 8), torch.tensor([0]), composite="plus")


@pytest.mark.parametrize(("alpha", "beta"), [(2.0, 0.0), (0.5, -0.5)])
def test_alpha_and_beta_must_keep_relevance(alpha: float, beta: float) -> None:
    with pytest.raises(ValueError, match=r"give beta >= 0 and alpha = 1 \+ beta"):
        found("lrp_alpha_beta", seeded(sequential), given(1, 3, 8, 8), torch.tensor([0]), alpha=alpha, beta=beta)


def test_explains_from_a_layer() -> None:
    """Behind the first convolution, relevance of its activation; the harness brings it to the picture's size."""
    module, x = seeded(sequential), given(2, 3, 8, 8)
    target = torch.tensor([0, 1])
    batch = Batch(("a", "b"), x, target, grid_units(x, 2), torch.zeros_like(x))
    gate = Gate(Network(module, layers=lambda: ("1", "4")), "logit")
    maps, cost = explain(Asked(methods["lrp_epsilon"], {"layer": "1"}), gate, batch)
    inner = found("lrp_epsilon", module[2:], module[:2](x).detach(), target).sum(1).flatten(1)
    torch.testing.assert_close(maps, inner, rtol=1e-5, atol=1e-7)
    assert (cost.forward, cost.backward) == (6, 2)


@pytest.mark.parametrize("name", ["lrp_epsilon", "lrp_gamma", "lrp_composite", "deep_lift"])
@pytest.mark.parametrize("architecture", ["mobilenetv3_small_050", "convnext_atto", "resnet18"])
@pytest.mark.slow
def test_knows_other_peoples_networks(name: str, architecture: str) -> None:
    """Squeeze-and-excitation, hard swish, depthwise convolutions, layer scale and channels-last norms have rules."""
    module = seeded(lambda: timm.create_model(architecture, num_classes=3)).double()
    x = given(2, 3, 64, 64)
    baseline = given(2, 3, 64, 64, seed=4)
    target, units = torch.tensor([0, 1]), column_units(x[:, 0].flatten(1))
    asked: Question = ask(module, x, target=target, units=units, baseline=baseline)
    maps, _ = explain(Asked(methods[name], {}), asked.gate, asked.batch)
    assert maps.isfinite().all()
    assert maps.abs().amax() > 0
    if name == "deep_lift":
        change = asked.gate.score(x, target) - asked.gate.score(baseline, target)
        torch.testing.assert_close(maps.sum(1), change, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [1e-4, 1e-2, 1e2, 1e4])
@pytest.mark.parametrize(
    "name",
    ["lrp_gamma", "lrp_alpha_beta", "lrp_composite", "attn_lrp", "excitation_backprop", "contrastive_excitation"],
)
def test_the_unit_of_inputs_changes_nothing(name: str, size: float) -> None:
    """With inputs and biases scaled alike, relevance is scaled alike, and a chance stays what it is."""
    x, target = given(4, 3, 8, 8) - 0.3, torch.tensor([0, 1, 2, 0])
    scaled = seeded(sequential)
    with torch.no_grad():
        for at in (0, 3, 6, 8):
            # The biases of later layers are in the unit of what they add to.
            scaled[at].bias.mul_(size)
    settings = {"composite": "epsilon_alpha2_beta1"} if name == "lrp_composite" else {}
    expected = found(name, seeded(sequential), x, target, **settings)
    expected = expected if "excitation" in name else expected * size
    assert expected.any()
    torch.testing.assert_close(
        found(name, scaled, x * size, target, **settings), expected, rtol=1e-9, atol=1e-12 * size
    )


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_the_box_is_in_the_unit_of_inputs(size: float) -> None:
    """In single precision, and with inputs at the ends of the box."""
    x, target = given(4, 3, 8, 8).round(decimals=1).float(), torch.tensor([0, 1, 2, 0])
    module = seeded(sequential).float()
    expected = found("lrp_composite", module, x, target, composite="epsilon_gamma_box")
    with torch.no_grad():
        for at in (0, 3, 6, 8):
            module[at].bias.mul_(size)
    settings = {"composite": "epsilon_gamma_box", "high": size}
    torch.testing.assert_close(
        found("lrp_composite", module, x * size, target, **settings) / size, expected, rtol=1e-3, atol=1e-5
    )
