"""The engine of the backward rules: the same maps however a network is written, an honest no where it cannot see."""

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from heatproof.benchmark import Gate, Network, Refused, Rng, methods
from heatproof.benchmark.checks._questions import Asked as Module
from heatproof.benchmark.checks._questions import Question, ask, seeded
from heatproof.benchmark.harness import Asked, explain
from heatproof.methods.rules._layers import by_epsilon
from heatproof.methods.rules._mode import Ruled, Rules, plain
from heatproof.methods.rules._relevance import Relevance, rules

RECTIFIED = ["contrastive_excitation", "deconvnet", "excitation_backprop", "guided_backprop"]
SMOOTH = ["attn_lrp", "deep_lift", "deep_shap", "lrp_alpha_beta", "lrp_composite", "lrp_epsilon", "lrp_gamma"]
FAMILY = RECTIFIED + SMOOTH


def given(shape: tuple[int, ...] = (3, 2, 8, 8), seed: int = 5) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def question(network: nn.Module, x: Tensor) -> Question:
    target = torch.arange(len(x)) % 3
    return ask(network, x, target=target, baseline=given(tuple(x.shape), 6), pool=given((5, *x.shape[1:]), 7))


def maps(name: str, asked: Question, **settings: object) -> Tensor:
    batch, part = asked.batch, methods[name]
    rng = Rng(range(len(batch)))
    offers = {"model": asked.gate, "x": batch.x, "target": batch.target, "baseline": batch.baseline, "rng": rng}
    if part.stochastic:
        settings = {"budget": 6, **settings}
    found: Tensor = part.function(*(batch.pool if word == "pool" else offers[word] for word in part.needs), **settings)
    return found


class Written(nn.Module):
    """A residual network with rectifiers, written in one way or another."""

    def __init__(self, relu: Callable[[Tensor], Tensor], *, in_place: bool = False) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.norm.running_mean.copy_(torch.tensor([0.1, -0.2, 0.0, 0.3]))
        self.norm.running_var.copy_(torch.tensor([0.5, 1.5, 0.7, 1.0]))
        self.head = nn.Linear(4 * 4 * 4, 3)
        self.relu, self.in_place = relu, in_place

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.first(x))
        y = self.norm(self.second(x))
        if self.in_place:
            y += x
        else:
            y = y + x
        y = functional.max_pool2d(self.relu(y), 2)
        logits: Tensor = self.head(y.flatten(1))
        return logits


def written(relu: Callable[[Tensor], Tensor], *, in_place: bool = False) -> Question:
    return question(seeded(lambda: Written(relu, in_place=in_place)).double(), given())


WAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "functional": functional.relu,
    "torch": torch.relu,
    "method": Tensor.relu,
    "module in place": nn.ReLU(inplace=True),
    "function in place": torch.relu_,
    "method in place": Tensor.relu_,
    "functional in place": lambda x: functional.relu(x, inplace=True),
    "operator": torch.ops.aten.relu.default,
    "in place, the answer unused": lambda x: (x.relu_(), x)[1],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FAMILY)
def test_a_rectifier_is_a_rectifier_however_it_is_called(name: str, way: str) -> None:
    """One module is used twice; the others are functions, methods and operators, in place or not."""
    expected = maps(name, written(nn.ReLU()))
    assert expected.abs().amax() > 0
    torch.testing.assert_close(maps(name, written(WAYS[way], in_place="place" in way)), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", FAMILY)
def test_the_network_gives_what_it_gives(name: str) -> None:
    asked = written(nn.ReLU(inplace=True), in_place=True)
    seen: list[Tensor] = []
    handle = asked.gate.module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    maps(name, asked)
    handle.remove()
    torch.testing.assert_close(seen[0], asked.gate.logits(asked.batch.x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", FAMILY)
def test_dropout_and_batch_norm_left_in_training_mode_make_no_difference(name: str) -> None:
    def build() -> nn.Module:
        layers = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(108, 3)
        return nn.Sequential(*layers).double()

    expected = maps(name, question(seeded(build).eval(), given()))
    assert maps(name, question(seeded(build).train(), given())).equal(expected)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: object, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(_ctx: object, outer: Tensor) -> Tensor:
        return outer * 2


def rectified(x: Tensor) -> Tensor:
    return torch.relu(x)


def scripted(x: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(rectified)(x)  # type: ignore[no-any-return]


UNRULED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "fft": (lambda x: torch.fft.fft(x.relu()).real, r"no rule for torch\.fft\.fft"),
    "sort": (lambda x: x.sort(1)[0], r"no rule for torch\.Tensor\.sort"),
    "function": (lambda x: Doubled.apply(x.relu()).relu(), "in a script, or in an autograd function of its own"),
    "function at the end": (lambda x: Doubled.apply(x.relu()), "in a script, or in an autograd function of its own"),
    "script": (scripted, "in a script, or in an autograd function of its own"),
    "batch statistics": (
        lambda x: functional.batch_norm(x.relu(), None, None, training=True),
        "no rule for a batch norm that takes its statistics from the batch",
    ),
    "dynamic weights": (
        lambda x: functional.linear(x.relu(), x.relu().sum() * torch.eye(3, dtype=x.dtype)),
        "no rule for linear with weights that depend on the input",
    ),
    "nothing": (lambda x: x.detach() * 1, "nothing leads back from the output to the input"),
}


@pytest.mark.parametrize("what", UNRULED)
@pytest.mark.parametrize("name", ["deep_lift", "lrp_epsilon"])
def test_refuses_by_name_what_it_has_no_rule_for(name: str, what: str) -> None:
    function, message = UNRULED[what]
    with pytest.raises(Refused, match=message):
        maps(name, ask(Module(function), given((3, 3)) - 0.5, target=torch.arange(3)))


def test_refuses_what_ends_out_of_sight() -> None:
    """Nothing is asked of the logits before the gate reads them."""

    class End(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return Doubled.apply(x.relu())  # type: ignore[no-any-return]

    with pytest.raises(Refused, match="in a script, or in an autograd function of its own"):
        maps("lrp_epsilon", question(End(), given((3, 3))))


@pytest.mark.parametrize("name", RECTIFIED)
def test_refuses_smooth_activations_where_only_rectifiers_are_defined(name: str) -> None:
    network = seeded(lambda: nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 3)).double())
    with pytest.raises(Refused, match=r"no rule for torch\.nn\.functional\.gelu"):
        maps(name, question(network, given((3, 4))))


def test_refuses_a_choice_that_is_another_at_the_baseline() -> None:
    x = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    asked = ask(Module(lambda x: torch.where(x > 0, x, 3 * x).sum(1)), x, baseline=torch.tensor([[-1.0, -1.0]]))
    with pytest.raises(Refused, match="no rule for where with a choice that depends on the input"):
        maps("deep_lift", asked)


def test_refuses_a_network_without_a_module() -> None:
    with pytest.raises(Refused, match="this model has no module"):
        Ruled(Network(predict=lambda x: x), lambda: Rules({}))


class Encoder(nn.Module):
    """Torch's own transformer layer, between two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(4, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, activation="gelu")
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.layer(self.embed(x.reshape(len(x), -1, 4))).mean(1))
        return logits


def encoder() -> nn.Module:
    return seeded(lambda: Encoder().double())


def test_opens_what_is_written_in_python() -> None:
    """multi_head_attention_forward is looked into: attention weights that are asked for are no other attention."""
    asked = question(encoder(), given((3, 20)))
    fused = {name: maps(name, asked) for name in SMOOTH}
    layer = asked.gate.module.layer.self_attn
    whole = layer.forward
    layer.forward = lambda q, k, v, **_: (whole(q, k, v, need_weights=True)[0], None)
    for name in SMOOTH:
        torch.testing.assert_close(maps(name, asked), fused[name], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", SMOOTH)
def test_half_precision_is_right_within_its_digits(name: str) -> None:
    whole = maps(name, question(encoder(), given((3, 20))))

    class Halved(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = encoder().bfloat16()

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x.bfloat16()).double()  # type: ignore[no-any-return]

    half = maps(name, question(Halved(), given((3, 20))))
    close = nn.functional.cosine_similarity(half, whole)
    assert close.min() > 0.97


def test_parameters_take_no_part() -> None:
    """A weight that is made of parameters needs no rule, whatever makes it."""

    class Made(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.raw = nn.Parameter(torch.eye(3, dtype=torch.float64))

        def forward(self, x: Tensor) -> Tensor:
            return functional.linear(x, torch.fft.fft(self.raw).real)

    x = given((3, 3))
    weight = torch.fft.fft(torch.eye(3, dtype=torch.float64)).real
    expected = x * weight[torch.arange(3)]
    torch.testing.assert_close(maps("lrp_epsilon", question(Made(), x), epsilon=0.0), expected)


def test_filling_a_tensor_place_by_place_is_followed() -> None:
    def filled(x: Tensor) -> Tensor:
        y = x.new_zeros(len(x), 3)
        y[:, 0] = x[:, 0].relu() * 2
        y[:, 1:] = x[:, 1:]
        return y

    for name in ("lrp_epsilon", "deep_lift"):
        x = given((3, 3))
        asked = question(Module(filled), x)
        expected = torch.diag(x[:, 0].new_tensor([2.0, 1.0, 1.0])) * (x - asked.batch.baseline * (name == "deep_lift"))
        torch.testing.assert_close(maps(name, asked), expected)


def test_calls_that_autograd_does_not_follow_are_let_through() -> None:
    def shaped(x: Tensor) -> Tensor:
        assert x.ndim == 2
        assert x.relu().shape[1] == x.size(1)
        assert x.relu().argmax(1).dtype == torch.int64
        with torch.no_grad():
            torch.fft.fft(x.relu())
        return x.relu()

    x = given((3, 3))
    torch.testing.assert_close(maps("lrp_epsilon", question(Module(shaped), x)), x * torch.eye(3, dtype=torch.float64))


def test_without_gradients_a_ruled_network_is_the_network() -> None:
    network = seeded(lambda: nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 3)).double())
    same = Gate(Network(Ruled(Network(network), lambda: Relevance(rules(by_epsilon(1e-6), by_epsilon(1e-6))))))
    x = given((3, 4))
    assert same.logits(x).equal(Gate(Network(network)).logits(x))
    assert Gate(Network(Ruled(Network(network), lambda: Rules({})))).logits(x).equal(same.logits(x))


def test_a_table_of_the_gradient_gives_the_gradient() -> None:
    names = "conv2d batch_norm add relu max_pool2d flatten linear"
    asked = written(functional.relu)
    gate = asked.gate.changed(
        lambda network: Network(Ruled(network, lambda: Rules(dict.fromkeys(names.split(), plain))))
    )
    expected = asked.gate.gradient(asked.batch.x, asked.batch.target)
    torch.testing.assert_close(gate.gradient(asked.batch.x, asked.batch.target), expected)


@pytest.mark.parametrize("name", FAMILY)
def test_readouts_scale_a_map_and_no_more(name: str) -> None:
    """The task's own readout is read where it is asked for: at two logits, the probability's slope times the margin."""
    if "readout" not in methods[name].settings:
        pytest.skip("it starts with a relevance of one")
    network = seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)).double())
    asked = question(network, given((2, 4)))
    probability = Question(Gate(asked.gate.network, "probability"), asked.batch)
    mine, other = maps(name, asked), maps(name, Question(asked.gate, asked.batch), readout="logit")
    assert mine.equal(other)
    p = asked.gate.logits(asked.batch.x).softmax(1).gather(1, asked.batch.target[:, None])
    swapped = replace_target(asked, 1 - asked.batch.target)
    rival = maps(name, swapped)
    if name in ("guided_backprop", "deconvnet"):
        return
    expected = p * (1 - p) * (mine - rival)
    torch.testing.assert_close(maps(name, probability, readout=""), expected, rtol=1e-6, atol=1e-9)


def replace_target(asked: Question, target: Tensor) -> Question:
    batch = asked.batch
    return Question(asked.gate, type(batch)(batch.ids, batch.x, target, batch.units, batch.baseline, None, batch.pool))


@pytest.mark.parametrize("name", FAMILY)
def test_bill(name: str) -> None:
    asked, settings = written(nn.ReLU()), {"budget": 7} if name == "deep_shap" else {}
    cost = explain(Asked(methods[name], settings), asked.gate, asked.batch)[1]
    forward, backward = {"deep_lift": (2, 1), "deep_shap": (6, 3)}.get(name, (1, 1))
    assert (cost.forward, cost.backward) == (3 * forward, 3 * backward)
    assert methods[name].passes_of(settings, 64) == (forward, backward)
