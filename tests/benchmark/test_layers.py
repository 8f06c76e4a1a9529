"""From the inside of a network: the model behind a layer, and methods that explain what the layer gives."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from heatproof.benchmark import Batch, Cost, Gate, Network, Refused, grid_units, methods
from heatproof.benchmark.checks import _state
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.harness import Asked, explain
from heatproof.benchmark.layers import layer_of

N, K = 4, 3


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(81)
        return build().double()


class Conv(nn.Module):
    """Convolutions around the layer `middle`, a nonlinear rest."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle = nn.Conv2d(3, 4, 3), nn.Sequential(nn.Conv2d(4, 5, 3, stride=2), nn.ReLU(inplace=True))
        self.act = nn.SiLU(inplace=True)
        self.last, self.head = nn.Conv2d(5, 4, 2), nn.Linear(4 * 3 * 5, K)

    def rest(self, activation: Tensor) -> Tensor:
        logits: Tensor = self.head(self.last(activation).tanh().flatten(1))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.middle(self.act(self.first(x))))


class Last(nn.Module):
    """A layer that gives maps with channels last, (N, h, w, C)."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.middle = nn.Conv2d(3, 5, 4, 4), nn.Linear(5, 6)
        self.head = nn.Linear(6, K)

    def rest(self, activation: Tensor) -> Tensor:
        logits: Tensor = self.head(activation.permute(0, 2, 3, 1).sigmoid().flatten(1, 2).amax(1))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.middle(self.patches(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


class Tokens(nn.Module):
    """A layer that gives tokens (N, 1 + 12, C), one of them the class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.cls = nn.Conv2d(3, 6, 4, 4), nn.Parameter(torch.randn(1, 1, 6))
        layers = [nn.TransformerEncoderLayer(6, 2, 8, batch_first=True, dropout=0.0) for _ in range(2)]
        self.middle, self.last = layers
        self.head = nn.Linear(6, K)

    def rest(self, activation: Tensor) -> Tensor:
        logits: Tensor = self.head(self.last(activation.mT)[:, 0])
        return logits

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).mT
        return self.rest(self.middle(torch.cat([self.cls.expand(len(x), -1, -1), tokens], 1)).mT)


KINDS: dict[str, tuple[type[nn.Module], Callable[[Tensor], Tensor]]] = {
    "conv": (Conv, lambda activation: activation),
    "channels last": (Last, lambda activation: activation.permute(0, 3, 1, 2)),
    "tokens": (Tokens, lambda tokens: tokens[:, 1:].mT.reshape(len(tokens), -1, 3, 4)),
}


def question(kind: str, readout: str = "probability", batch_size: int = 0) -> Question:
    build, grid = KINDS[kind]
    x = 2 * torch.randn(N, 3, 12, 16, generator=torch.Generator().manual_seed(82), dtype=torch.float64)
    network = Network(seeded(build), layers=lambda: ("middle",), grid=grid, preprocess=lambda x: (x - 0.5) * 2)
    batch = Batch(tuple("abcd"), x, torch.arange(N) % K, grid_units(x, 4), torch.zeros_like(x) + 0.5)
    return Question(Gate(network, readout, batch_size), batch)


def middle(asked: Question) -> Tensor:
    """Return what the layer gives, channels second, kept by a hook."""
    kept: list[Tensor] = []
    keep = lambda _m, _i, output: kept.append(output.clone())  # noqa: E731
    handle = asked.gate.module.get_submodule("middle").register_forward_hook(keep)
    asked.gate.network.logits(asked.batch.x)
    handle.remove()
    return kept[0].detach() if kept[0].shape[1] == 5 else kept[0].detach().movedim(-1, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_behind_a_layer_is_the_rest_of_the_network(kind: str) -> None:
    asked = question(kind)
    rest, activation = asked.gate.inside(asked.batch.x, "middle")
    torch.testing.assert_close(activation, middle(asked))
    torch.testing.assert_close(rest.logits(activation), asked.gate.logits(asked.batch.x))
    other = activation.flip(0) * 1.5
    leaf = other.clone().requires_grad_()
    score = asked.gate.module.rest(leaf).softmax(1).gather(1, asked.batch.target[:, None])[:, 0]  # type: ignore[operator]
    torch.testing.assert_close(rest.score(other, asked.batch.target), score.detach())
    (slope,) = torch.autograd.grad(score.sum(), leaf)
    torch.testing.assert_close(rest.gradient(other, asked.batch.target), slope)


@pytest.mark.parametrize("size", [1, 3, 0])
def test_going_inside_costs_two_passes_and_shares_one_bill(size: int) -> None:
    asked = question("conv", batch_size=size)
    rest, activation = asked.gate.inside(asked.batch.x, "middle")
    assert asked.gate.meter.cost() == Cost(2 * N, 0)
    rest.gradient(activation, asked.batch.target)
    assert asked.gate.meter.cost() == Cost(3 * N, N)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_from_a_layer_is_that_of_its_tap(kind: str) -> None:
    """Summed over channels and enlarged; the class token has no place."""
    asked = question(kind)
    maps, cost = explain(Asked(methods["gradient"], {"layer": "middle"}), asked.gate, asked.batch)
    _, slope = asked.gate.tap(asked.batch.x, asked.batch.target, "middle")
    expected = interpolate(slope.sum(1, keepdim=True), (12, 16), mode="bilinear").flatten(1)
    torch.testing.assert_close(maps, expected, rtol=1e-5, atol=1e-7)
    assert (cost.forward, cost.backward) == (3 * N, N)


def test_a_baseline_behind_a_layer_is_nothing() -> None:
    """Integrated gradients from the layer are complete between what it gives and zeros, before they are enlarged."""
    asked = question("conv")
    rest, activation = asked.gate.inside(asked.batch.x, "middle")
    target = asked.batch.target
    inner = Batch(asked.batch.ids, activation, target, grid_units(activation, 1), torch.zeros_like(activation))
    maps, _ = explain(Asked(methods["integrated_gradients"], {"budget": 64}), rest, inner)
    change = rest.score(activation, target) - rest.score(torch.zeros_like(activation), target)
    torch.testing.assert_close(maps.sum(1), change, rtol=1e-4, atol=1e-5)
    found, _ = explain(
        Asked(methods["integrated_gradients"], {"budget": 64, "layer": "middle"}), asked.gate, asked.batch
    )
    coarse = maps.reshape(N, 1, *activation.shape[2:])
    torch.testing.assert_close(found, interpolate(coarse, (12, 16), mode="bilinear").flatten(1), rtol=1e-5, atol=1e-7)


class Linear(nn.Module):
    """A layer of the input's size, and nothing but a linear rest, without a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.middle = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh())
        self.head = nn.Linear(4 * 6 * 8, K, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.middle(x).flatten(1))
        return logits


def linear() -> Question:
    x = torch.randn(N, 3, 6, 8, generator=torch.Generator().manual_seed(83), dtype=torch.float64)
    batch = Batch(tuple("abcd"), x, torch.arange(N) % K, grid_units(x, 2), torch.zeros_like(x))
    return Question(Gate(Network(seeded(Linear), layers=lambda: ("middle",)), "logit"), batch)


def test_input_times_gradient_from_a_layer_before_a_linear_rest_sums_to_the_score() -> None:
    asked = linear()
    score = asked.gate.score(asked.batch.x, asked.batch.target)
    maps, _ = explain(Asked(methods["input_x_gradient"], {"layer": "middle"}), asked.gate, asked.batch)
    torch.testing.assert_close(maps.sum(1), score, rtol=1e-5, atol=1e-6)


def test_units_of_a_layer_are_its_own_places() -> None:
    """Without a place of the layer, all channels of it, a linear score lacks what that place gives."""
    asked = linear()
    maps, cost = explain(Asked(methods["leave_one_out"], {"layer": "middle"}), asked.gate, asked.batch)
    rest, activation = asked.gate.inside(asked.batch.x, "middle")
    expected = (activation * rest.gradient(activation, asked.batch.target)).sum(1).flatten(1)
    torch.testing.assert_close(maps, expected, rtol=1e-5, atol=1e-6)
    assert (cost.forward, cost.backward) == ((2 + 1 + 6 * 8) * N, 0)


class Bypassed(Conv):
    """Some of the score goes past the layer."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 3 * self.head(x[:, :, :4, :5].flatten(1))


class Twice(Conv):
    """The layer is passed twice."""

    def __init__(self) -> None:
        super().__init__()
        self.middle = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4 * 9 * 13, K)
        self.last = nn.Conv2d(4, 4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.middle(self.middle(self.act(self.first(x)))))


def other(build: type[nn.Module]) -> Gate:
    return Gate(Network(seeded(build), layers=lambda: ("middle",)))


X = torch.randn(N, 3, 12, 16, generator=torch.Generator().manual_seed(84), dtype=torch.float64)


def test_refuses_a_layer_that_something_bypasses() -> None:
    with pytest.raises(
        Refused, match="not all of the score passes through 'middle': choose a layer that nothing bypasses"
    ):
        other(Bypassed).inside(X, "middle")


def test_refuses_a_layer_that_is_passed_twice() -> None:
    with pytest.raises(Refused, match="the layer is passed 2 times: choose one that is passed once"):
        other(Twice).inside(X, "middle")


class Unpassed(Conv):
    """A layer that the input never meets."""

    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Identity()


def test_refuses_a_layer_that_is_not_passed() -> None:
    with pytest.raises(Refused, match="the layer is passed 0 times"):
        other(Unpassed).inside(X, "spare")


def test_refuses_a_layer_that_is_not_there_and_names_the_nearest_and_all_it_knows() -> None:
    for ask in (lambda gate: gate.inside(X, "midle"), lambda gate: gate.tap(X, torch.arange(N) % K, "midle")):
        with pytest.raises(Refused, match=r"the model has no layer 'midle': did you mean middle.*it has middle"):
            ask(other(Conv))
    with pytest.raises(Refused, match=r"the model has no layer 'zzz'.*it has 0, 1"):
        layer_of(nn.Sequential(nn.ReLU(), nn.ReLU()), "zzz", ("0", "1"))


def test_refuses_a_layer_that_keeps_no_places() -> None:
    asked = linear()
    with pytest.raises(Refused, match="the layer 'head' keeps no places of a picture"):
        explain(Asked(methods["gradient"], {"layer": "head"}), asked.gate, asked.batch)


def test_takes_the_activation_of_a_layer_that_gives_a_tuple() -> None:
    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, str]:
            return x.sin(), "beside"

    class Pairs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.middle, self.head = Pair(), nn.Linear(3 * 12 * 16, K)

        def forward(self, x: Tensor) -> Tensor:
            activation, word = self.middle(x)
            assert word == "beside"
            logits: Tensor = self.head(activation.flatten(1))
            return logits

    gate = other(Pairs)
    rest, activation = gate.inside(X, "middle")
    assert activation.equal(X.sin())
    assert rest.logits(activation).equal(gate.logits(X))


def test_refuses_a_layer_that_gives_no_tensor() -> None:
    class Words(nn.Module):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"x": x}

    class Dictionary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.middle, self.head = Words(), nn.Linear(3 * 12 * 16, K)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(self.middle(x)["x"].flatten(1))
            return logits

    with pytest.raises(Refused, match="the layer returns a dict, not an activation"):
        other(Dictionary).inside(X, "middle")


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_is_left_as_it_was_also_after_a_failure(kind: str) -> None:
    asked = question(kind)
    asked.gate.module.train()
    looks = _state.inputs, _state.network, _state.luck
    with _state.untouched(asked, *looks):
        rest, activation = asked.gate.inside(asked.batch.x, "middle")
        rest.gradient(activation, asked.batch.target)
    wide = torch.cat([activation, activation], 1)
    with _state.untouched(asked, *looks), pytest.raises((RuntimeError, AssertionError)):
        rest.gradient(wide, asked.batch.target)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_change_nothing(kind: str) -> None:
    maps = [
        explain(Asked(methods["gradient"], {"layer": "middle"}), asked.gate, asked.batch)[0]
        for asked in (question(kind, batch_size=size) for size in (0, 1, 3))
    ]
    torch.testing.assert_close(maps[1], maps[0])
    torch.testing.assert_close(maps[2], maps[0])
