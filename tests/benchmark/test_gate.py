"""The gate: exact bills, results without a batch size, and a network left as it was."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import exp, log

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import BlackBox, Cost, Gate, GlassBox, Network, Refused
from heatproof.benchmark.network import READOUTS

N, D, K = 9, 6, 4


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build()


def mlp() -> nn.Module:
    return seeded(lambda: nn.Sequential(nn.Linear(D, 8), nn.Tanh(), nn.Linear(8, K))).double()


def conv() -> nn.Module:
    return seeded(
        lambda: nn.Sequential(
            nn.Conv2d(2, 3, 3), nn.Sigmoid(), nn.Conv2d(3, 4, 2), nn.Tanh(), nn.Flatten(), nn.Linear(16, K)
        ).double()
    )


def samples(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(N, *(shape or (D,)), generator=generator).double(), torch.arange(N) % K


def test_every_pass_is_billed_in_single_inputs() -> None:
    x, target = samples()
    for size in (1, 7, 64, 0):
        gate = Gate(Network(mlp()), batch_size=size)
        gate.score(x, target)
        assert gate.meter.cost() == Cost(N, 0)
        gate.gradient(x, target)
        assert gate.meter.cost() == Cost(2 * N, N)
        gate.logits(x[:4])
        assert gate.meter.cost() == Cost(2 * N + 4, N)
        gate.score_and_gradient(x, target)
        assert gate.meter.cost() == Cost(3 * N + 4, 2 * N)


def test_taps_are_billed_like_gradients() -> None:
    x, target = samples(2, 5, 5)
    gate = Gate(Network(conv(), layers=lambda: ("0", "2")), batch_size=4)
    gate.tap(x, target)
    assert gate.meter.cost() == Cost(N, N)


def test_autograd_through_the_gate_is_billed_once() -> None:
    x, target = samples()
    gate = Gate(Network(mlp()), batch_size=4)
    x.requires_grad_()
    gate.score(x, target).sum().backward()
    assert gate.meter.cost() == Cost(N, N)


def test_a_metered_gate_has_a_bill_of_its_own_and_an_untrained_copy_shares_one() -> None:
    x, target = samples()
    gate = Gate(Network(mlp()))
    gate.metered().score(x, target)
    assert gate.meter.cost() == Cost()
    gate.randomized(0).gradient(x, target)
    assert gate.meter.cost() == Cost(N, N)


@pytest.mark.parametrize("size", [1, 7, 64, 0])
def test_results_do_not_depend_on_the_batch_size(size: int) -> None:
    x, target = samples()
    module = mlp()
    gate = Gate(Network(module), "log_odds", batch_size=size)
    leaf = x.clone().requires_grad_()
    logits = module(leaf)
    others = logits.scatter(1, target[:, None], float("-inf")).logsumexp(1)
    direct = logits.gather(1, target[:, None])[:, 0] - others
    (gradient,) = torch.autograd.grad(direct.sum(), leaf)
    torch.testing.assert_close(gate.logits(x), logits.detach())
    torch.testing.assert_close(gate.score(x, target), direct.detach())
    torch.testing.assert_close(gate.gradient(x, target), gradient)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_tap_is_what_autograd_finds_at_the_layer(size: int) -> None:
    x, target = samples(2, 5, 5)
    module = conv()
    gate = Gate(Network(module, layers=lambda: ("0", "2")), "logit", batch_size=size)
    inner = module[0](x)  # type: ignore[index]
    outer = module[2](module[1](inner))  # type: ignore[index]
    logits = module[5](module[4](module[3](outer)))  # type: ignore[index]
    score = logits.gather(1, target[:, None]).sum()
    expected = dict(zip(("0", "2"), torch.autograd.grad(score, (inner, outer)), strict=True))
    for layer, value in {"0": inner, "2": outer}.items():
        activation, gradient = gate.tap(x, target, layer)
        torch.testing.assert_close(activation, value.detach())
        torch.testing.assert_close(gradient, expected[layer])
    torch.testing.assert_close(gate.tap(x, target)[1], expected["2"])


def test_a_tap_is_the_layer_s_own_output_although_the_next_one_works_in_place() -> None:
    def build(inplace: bool) -> nn.Module:
        return seeded(
            lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(inplace=inplace), nn.Flatten(), nn.Linear(27, K))
        )

    x, target = samples(2, 5, 5)
    pure, hasty = (Gate(Network(build(inplace), layers=lambda: ("0",))).tap(x.float(), target) for inplace in (0, 1))
    torch.testing.assert_close(hasty[0], pure[0])
    torch.testing.assert_close(hasty[1], pure[1])


def test_the_grid_turns_tokens_into_a_map() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Linear(3, 5)
            self.head = nn.Linear(5, K)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(self.block(x.flatten(2).transpose(1, 2)).mean(1))
            return logits

    def grid(tokens: Tensor) -> Tensor:
        return tokens.transpose(1, 2).reshape(len(tokens), 5, 2, 2)

    module = seeded(Tokens)
    x, target = torch.rand(2, 3, 2, 2), torch.tensor([0, 3])
    activation, gradient = Gate(Network(module, layers=lambda: ("block",), grid=grid), "logit").tap(x, target)
    assert gradient.shape == (2, 5, 2, 2)
    torch.testing.assert_close(
        activation[1, :, 1, 0],
        module.block(x[1, :, 1, 0]).detach(),  # type: ignore[operator]
    )
    weight = module.head.weight.detach()  # type: ignore[union-attr]
    torch.testing.assert_close(gradient[1, :, 0, 1], weight[3] / 4)  # type: ignore[index]


class Small(nn.Module):
    """A network with little memory."""

    def __init__(self, fits: int, error: Callable[[], RuntimeError]) -> None:
        super().__init__()
        self.inner, self.fits, self.error = mlp(), fits, error
        self.sizes: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.fits:
            raise self.error()
        self.sizes.append(len(x))
        logits: Tensor = self.inner(x)
        return logits


SHORT = {
    "device": partial(torch.OutOfMemoryError, "CUDA out of memory"),
    "host": partial(RuntimeError, "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried too much"),
}


@pytest.mark.parametrize("kind", SHORT)
def test_the_gate_halves_on_out_of_memory_and_bills_only_what_was_computed(kind: str) -> None:
    x, target = samples()
    module = Small(2, SHORT[kind])
    gate = Gate(Network(module), batch_size=64)
    roomy = Gate(Network(module.inner))
    torch.testing.assert_close(gate.gradient(x, target), roomy.gradient(x, target))
    assert gate.meter.cost() == Cost(N, N)
    assert gate.batch_size == 2
    assert module.sizes == [2, 2, 2, 2, 1]
    torch.testing.assert_close(gate.score(x, target), roomy.score(x, target))
    assert gate.meter.cost() == Cost(2 * N, N)


def test_a_meter_only_counts_up() -> None:
    meter = Gate(Network(mlp())).meter
    meter.forward += 3
    with pytest.raises(ValueError, match="forward passes would fall from 3 to 0: a meter only counts up"):
        meter.forward = 0
    with pytest.raises(ValueError, match="backward passes would fall from 0 to -2"):
        meter.backward -= 2
    assert meter.cost() == Cost(3, 0)


def test_an_input_that_does_not_fit_alone_is_an_error() -> None:
    x, target = samples()
    gate = Gate(Network(Small(0, SHORT["device"])))
    with pytest.raises(torch.OutOfMemoryError):
        gate.score(x, target)


def test_other_errors_of_the_model_come_out_at_once() -> None:
    x, target = samples()
    gate = Gate(Network(Small(2, partial(RuntimeError, "shapes cannot be multiplied"))), batch_size=64)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        gate.score(x, target)
    assert gate.batch_size == 64


LOGITS = [2.0, -1.0, 0.5]


def softmax(z: list[float]) -> list[float]:
    return [exp(value) / sum(map(exp, z)) for value in z]


CLOSED: dict[str, Callable[[list[float], int], float]] = {
    "probability": lambda z, t: softmax(z)[t],
    "logit": lambda z, t: z[t],
    "log_odds": lambda z, t: log(softmax(z)[t] / (1 - softmax(z)[t])),
    "margin": lambda z, t: z[t] - max(value for k, value in enumerate(z) if k != t),
}


@dataclass
class ModelOutput:
    loss: None
    logits: Tensor


RETURNS: dict[str, Callable[[Tensor], object]] = {
    "tensor": lambda z: z,
    "tuple": lambda z: (z, torch.zeros(1)),
    "list": lambda z: ["not a tensor", z],
    "dict": lambda z: {"features": torch.zeros(1), "logits": z},
    "dict without the name": lambda z: {"scores": z},
    "model output": lambda z: ModelOutput(None, z),
}


class Returns(nn.Module):
    def __init__(self, wrap: Callable[[Tensor], object], width: int = 3) -> None:
        super().__init__()
        self.wrap, self.width = wrap, width
        self.weight = nn.Parameter(torch.ones(1, dtype=torch.float64))

    def forward(self, x: Tensor) -> object:
        return self.wrap(self.weight * x[:, : self.width])


def test_there_is_a_closed_form_for_every_readout() -> None:
    assert set(CLOSED) == set(READOUTS)


@pytest.mark.parametrize("wrapped", RETURNS)
@pytest.mark.parametrize("readout", CLOSED)
def test_readouts_are_their_closed_forms_whatever_the_network_returns(readout: str, wrapped: str) -> None:
    gate = Gate(Network(Returns(RETURNS[wrapped])), readout)
    scores = gate.score(torch.tensor([LOGITS] * 3).double(), torch.arange(3))
    assert scores.tolist() == pytest.approx([CLOSED[readout](LOGITS, t) for t in range(3)])


@pytest.mark.parametrize("flat", [False, True])
def test_a_single_output_unit_is_two_classes(flat: bool) -> None:
    def one(z: Tensor) -> Tensor:
        return z[:, 0] if flat else z

    z = 0.7
    x, target = torch.tensor([[z], [z]]).double(), torch.tensor([0, 1])
    sigmoid = 1 / (1 + exp(-z))
    expected = {"probability": [1 - sigmoid, sigmoid], "log_odds": [-z, z], "margin": [-z, z], "logit": [-z / 2, z / 2]}
    for readout, scores in expected.items():
        gate = Gate(Network(Returns(one, width=1)), readout)
        assert gate.score(x, target).tolist() == pytest.approx(scores)


def test_a_function_s_probabilities_are_read_as_log_probabilities() -> None:
    gate = Gate(Network(predict=lambda x: x.softmax(1)), "log_odds")
    x = torch.tensor([LOGITS] * 3).double()
    assert gate.capability is BlackBox
    assert gate.score(x, torch.arange(3)).tolist() == pytest.approx([CLOSED["log_odds"](LOGITS, t) for t in range(3)])
    certain = Gate(Network(predict=lambda x: torch.tensor([[1.0, 0.0]]).expand(len(x), -1)), "logit")
    assert certain.score(x, torch.zeros(3).long()).tolist() == [0, 0, 0]
    assert certain.score(x, torch.ones(3).long()).isfinite().all()


@pytest.mark.parametrize("output", ["nothing", {"text": "cat"}, torch.zeros(2, 3, 4), None, ()])
def test_what_is_not_logits_is_refused_with_advice(output: object) -> None:
    gate = Gate(Network(Returns(lambda _: output)))
    with pytest.raises(TypeError, match=r"expected logits of shape \(N, K\).*wrap the model"):
        gate.score(torch.zeros(2, 3).double(), torch.zeros(2).long())


@pytest.mark.parametrize("wrong", [4, -1])
def test_a_target_that_the_model_does_not_have_is_refused(wrong: int) -> None:
    x, target = samples()
    target[3] = wrong
    with pytest.raises(ValueError, match=rf"target {wrong} is out of range: the model has 4 outputs.*0\.\.3"):
        Gate(Network(mlp())).score(x, target)


@pytest.mark.parametrize("wrong", [torch.zeros(3).long(), torch.zeros(N), torch.zeros(N, 1).long(), torch.tensor(0)])
def test_targets_that_are_not_one_index_per_sample_are_refused(wrong: Tensor) -> None:
    with pytest.raises(ValueError, match=rf"expected one int64 class index per sample, shape \({N},\)"):
        Gate(Network(mlp())).gradient(samples()[0], wrong)


def test_a_gate_refuses_what_it_cannot_be() -> None:
    with pytest.raises(ValueError, match="readout 'softmax' is unknown; choose one of probability, logit"):
        Gate(Network(mlp()), "softmax")
    with pytest.raises(ValueError, match="batch_size is -1"):
        Gate(Network(mlp()), batch_size=-1)


def test_what_a_network_cannot_answer_is_refused() -> None:
    x, target = samples()
    box = Gate(Network(predict=lambda x: x.softmax(1)))
    with pytest.raises(Refused, match="needs a Differentiable model, this one is only BlackBox"):
        box.gradient(x, target)
    with pytest.raises(Refused, match="no module"):
        _ = box.module
    with pytest.raises(Refused, match="needs a Layered model, this one is only WhiteBox"):
        Gate(Network(mlp())).tap(x, target)
    image, target = samples(2, 5, 5)
    gate = Gate(Network(conv(), layers=lambda: ("0", "2")))
    assert gate.capability is GlassBox
    with pytest.raises(Refused, match="the model has no layer 'layer4': it has 0, 2"):
        gate.tap(image, target, "layer4")


def test_autograd_through_the_gate_is_autograd_through_the_network() -> None:
    x, target = samples()
    module, weight = mlp(), torch.arange(1.0, N + 1).double()
    direct, bridged = x.clone().requires_grad_(), x.clone().requires_grad_()
    (module(3 * direct).softmax(1).gather(1, target[:, None])[:, 0] * weight).sum().backward()
    (Gate(Network(module), batch_size=4).score(3 * bridged, target) * weight).sum().backward()
    assert direct.grad is not None
    assert bridged.grad is not None
    torch.testing.assert_close(bridged.grad, direct.grad)
    assert all(p.grad is None or p.grad.abs().sum() > 0 for p in module.parameters())


def test_autograd_through_the_gate_ends_after_one_derivative() -> None:
    x, target = samples()
    x.requires_grad_()
    score = Gate(Network(mlp())).score(x, target).sum()
    (gradient,) = torch.autograd.grad(score, x, create_graph=True)
    with pytest.raises(RuntimeError):
        gradient.sum().backward()


def test_scores_without_a_graph_have_none() -> None:
    x, target = samples()
    gate = Gate(Network(mlp()))
    assert not gate.score(x, target).requires_grad
    with torch.no_grad():
        assert not gate.score(x.requires_grad_(), target).requires_grad
    assert not gate.gradient(x, target).requires_grad


def test_a_network_in_training_mode_answers_as_in_evaluation_and_stays_as_it_was() -> None:
    module = seeded(lambda: nn.Sequential(nn.Linear(D, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, K)))
    module[1].eval()  # type: ignore[index]
    modes = [part.training for part in module.modules()]
    before = {name: value.clone() for name, value in module.state_dict().items()}
    x, target = samples()
    gate = Gate(Network(module), "logit")
    scores = gate.score(x.float(), target)
    gate.gradient(x.float(), target)
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in module.parameters())
    module.eval()
    torch.testing.assert_close(scores.float(), module(x.float()).gather(1, target[:, None])[:, 0].detach())


def test_a_saturated_probability_keeps_its_digits() -> None:
    module = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[0.0], [20.0]]))
    gate, x, target = Gate(Network(module)), torch.ones(1, 1), torch.ones(1, dtype=torch.int64)
    rest = 1 / (1 + torch.tensor(20.0, dtype=torch.float64).exp())
    assert float(1 - gate.score(x, target)) == pytest.approx(float(rest), rel=1e-6)
    assert float(gate.gradient(x, target)) == pytest.approx(float(20 * rest * (1 - rest)), rel=1e-6)


def test_a_network_stays_as_it_was_when_it_fails() -> None:
    module = nn.Sequential(nn.Linear(D, 8), nn.Linear(7, K))
    gate = Gate(Network(module, layers=lambda: ("0",)))
    x, target = samples()
    for ask in (gate.score, gate.gradient, gate.tap):
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            ask(x.float(), target)
    assert all(part.training for part in module.modules())
    assert not module[0]._forward_hooks


def test_a_network_that_works_in_place_changes_no_input() -> None:
    def build(inplace: bool) -> Gate:
        return Gate(Network(seeded(lambda: nn.Sequential(nn.ReLU(inplace=inplace), nn.Linear(D, K)))))

    x, target = samples()
    x = x.float()
    kept = x.clone()
    torch.testing.assert_close(build(True).score(x, target), build(False).score(kept, target))
    assert torch.equal(x, kept)
    torch.testing.assert_close(build(True).gradient(x, target), build(False).gradient(kept, target))
    assert torch.equal(x, kept)


def test_preprocessing_stands_inside_the_gate() -> None:
    x, target = samples()
    module = mlp()
    gate = Gate(Network(module, preprocess=lambda raw: (raw - 0.5) / 0.25), "logit")
    leaf = x.clone().requires_grad_()
    score = module((leaf - 0.5) / 0.25).gather(1, target[:, None]).sum()
    torch.testing.assert_close(gate.gradient(x, target), torch.autograd.grad(score, leaf)[0])


@pytest.mark.parametrize("readout", READOUTS)
def test_a_lent_network_gives_the_readout_of_every_class(readout: str) -> None:
    x, _ = samples()
    gate = Gate(Network(mlp(), preprocess=lambda raw: raw / 2), readout)
    with gate.lent() as lent:
        scores = lent(x)
    for label in range(K):
        torch.testing.assert_close(scores[:, label], gate.score(x, torch.full((N,), label)))
    with gate.lent("logit") as lent:
        torch.testing.assert_close(lent(x), gate.logits(x))
        torch.testing.assert_close(lent.after(lent.before(x)), gate.logits(x))


@pytest.mark.parametrize("readout", READOUTS)
def test_a_lent_network_has_the_gradients_of_the_gate(readout: str) -> None:
    x, target = samples()
    gate = Gate(Network(mlp(), preprocess=lambda raw: raw / 2), readout)
    expected, leaf = gate.gradient(x, target), x.clone().requires_grad_()
    with torch.no_grad(), gate.lent() as lent:
        (gradient,) = torch.autograd.grad(lent(leaf).gather(1, target[:, None]).sum(), leaf)
    torch.testing.assert_close(gradient, expected)


def test_a_lent_network_bills_all_that_passes_and_again_what_gradients_come_back_to() -> None:
    x, _ = samples()
    gate = Gate(Network(mlp()), batch_size=2)
    with gate.lent() as lent:
        assert gate.meter.cost() == Cost()
        lent(x)
        assert gate.meter.cost() == Cost(N, 0), "nothing asks for a gradient"
        scores = lent(x[:4].clone().requires_grad_())
        assert gate.meter.cost() == Cost(N + 4, 0), "nothing has asked for one yet"
        scores.sum().backward(retain_graph=True)
        assert gate.meter.cost() == Cost(N + 4, 4)
        scores[0, 0].backward()
        assert gate.meter.cost() == Cost(N + 4, 8), "four inputs for every way back, whichever score it starts from"
        lent.after(lent.before(x[:3]))
        assert gate.meter.cost() == Cost(N + 7, 8)
    gate.score(x, torch.zeros(N, dtype=torch.int64))
    assert gate.meter.cost() == Cost(2 * N + 7, 8)


def test_whatever_is_done_to_a_lent_network_stays_with_it() -> None:
    module = seeded(lambda: nn.Sequential(nn.Linear(D, 8), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(8, K)))
    module[0].weight.requires_grad_(False)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    gate = Gate(Network(module), "logit")
    x, target = samples()
    expected = gate.score(x.float(), target)
    with gate.lent() as lent:
        assert not any(part.training for part in lent.modules())
        assert not any(parameter.requires_grad for parameter in lent.parameters())
        assert lent.layer("1").inplace is False
        torch.testing.assert_close(lent(x.float()).gather(1, target[:, None])[:, 0], expected)
        lent.layer("0").register_forward_hook(lambda *_: torch.full((N, 8), torch.nan))
        lent.layer("3").weight.data.zero_()  # type: ignore[union-attr, operator]
        lent.after.inner[1] = nn.Identity()  # type: ignore[operator]
        assert lent(x.float()).isnan().all()
    torch.testing.assert_close(gate.score(x.float(), target), expected)
    assert all(value.equal(before[name]) for name, value in module.state_dict().items())
    assert [parameter.requires_grad for parameter in module.parameters()] == [False, True, True, True]
    assert (module.training, module[1].inplace, len(module[0]._forward_hooks)) == (True, True, 0)


def test_a_forward_that_was_put_in_place_of_a_network_s_own_runs_the_copy() -> None:
    """Or nobody would hear what a library hangs on the copy's parts."""
    module, calls = mlp(), [0]

    def watched(forward: Callable[[Tensor], Tensor], *, times: int = 1) -> Callable[..., Tensor]:
        def attempt(x: Tensor, *, by: int = times) -> Tensor:
            calls[0] += by
            return forward(x)

        return attempt

    vars(module)["forward"] = watched(module.forward, times=2)
    gate = Gate(Network(module), "logit")
    heard: list[object] = []
    with gate.lent() as lent:
        lent.layer("0").register_forward_hook(lambda *_: heard.append(1))
        torch.testing.assert_close(lent(samples()[0]), gate.logits(samples()[0]))
    assert (len(heard), calls[0]) == (1, 4)


def test_a_network_that_cannot_be_lent_is_refused() -> None:
    black = Gate(Network(predict=lambda x: x.softmax(1)))
    with pytest.raises(Refused, match="no module: it only gives scores"), black.lent():
        pass
    with pytest.raises(ValueError, match="readout 'odds' is unknown"), Gate(Network(mlp())).lent("odds"):
        pass
    with pytest.raises(Refused, match="no layer '9': it has"), Gate(Network(mlp())).lent() as lent:
        lent.layer("9")


def test_a_lent_network_turns_a_layer_s_activation_to_the_grid_of_the_picture() -> None:
    network = Network(conv(), layers=lambda: ("0",), grid=lambda activation: activation.flip(1))
    activation = torch.rand(2, 3, 4, 4)
    with Gate(network).lent() as lent:
        assert lent.grid(activation).equal(activation.flip(1))
