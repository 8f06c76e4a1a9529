"""DeepLIFT and DeepSHAP against captum, closed forms and completeness."""

from collections.abc import Callable

import pytest
import torch
from captum.attr import DeepLift, DeepLiftShap
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Network, Refused, Rng, grid_units, methods
from heatproof.benchmark.checks._questions import Asked as Module
from heatproof.benchmark.checks._questions import Question, seeded
from heatproof.benchmark.harness import Asked, explain
from heatproof.models.adapters import Pixels
from heatproof.models.creatures import creatures_resnet, creatures_vit, vit


def given(*shape: int, seed: int = 3) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def found(module: nn.Module, x: Tensor, baseline: Tensor, target: Tensor | None = None) -> Tensor:
    target = torch.zeros(len(x), dtype=torch.int64) if target is None else target
    maps: Tensor = methods["deep_lift"].function(Gate(Network(module)), x, target, baseline)
    return maps


def conv_net() -> nn.Module:
    """A network that captum is right on: activations that are modules, none used twice."""
    norm = nn.BatchNorm2d(4)
    norm.running_mean.fill_(0.2)
    norm.running_var.fill_(0.5)
    features = nn.Conv2d(2, 4, 3, padding=1), norm, nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(4, 4, 2), nn.Tanh()
    head = nn.Flatten(), nn.Linear(16, 6), nn.ELU(), nn.Linear(6, 5), nn.Sigmoid(), nn.Linear(5, 3)
    return nn.Sequential(*features, *head).double().eval()


def pooled_net() -> nn.Module:
    """Captum loses some of what reaches a maximum through another activation: here it comes last."""
    features = nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.MaxPool2d(2), nn.Flatten()
    return nn.Sequential(*features, nn.Linear(16, 3)).double().eval()


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks:UserWarning")
@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already:UserWarning")
@pytest.mark.parametrize("build", [conv_net, pooled_net])
def test_equals_captum_where_captum_is_right(build: Callable[[], nn.Module]) -> None:
    x, baseline, target = given(4, 2, 6, 6), given(4, 2, 6, 6, seed=4), torch.tensor([0, 1, 2, 0])
    expected = DeepLift(seeded(build)).attribute(x, baseline, target=target)
    torch.testing.assert_close(found(seeded(build), x, baseline, target), expected.detach(), rtol=1e-7, atol=1e-9)


def complete(network: Network, x: Tensor, baseline: Tensor, atol: float = 1e-6) -> None:
    gate = Gate(network, "logit")
    target = torch.arange(len(x)) % 3
    maps = methods["deep_lift"].function(gate, x, target, baseline)
    change = gate.score(x, target) - gate.score(baseline, target)
    torch.testing.assert_close(maps.flatten(1).sum(1), change, rtol=1e-7, atol=atol)


@pytest.mark.parametrize("network", [creatures_resnet, creatures_vit])
def test_is_complete_on_whole_networks(network: Callable[[], Network]) -> None:
    """Overlapping maxima, batch norms, residual sums; layer norms, softmax, and products of activations."""
    made = network()
    assert made.module is not None
    double = Network(made.module.double(), preprocess=Pixels((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)))
    complete(double, given(3, 3, 64, 64), torch.full((3, 3, 64, 64), 0.5, dtype=torch.float64))
    complete(double, given(3, 3, 64, 64), given(3, 3, 64, 64, seed=8))


def test_attention_that_is_not_fused_has_the_same_map() -> None:
    module, x, baseline = seeded(vit).double().eval(), given(2, 3, 64, 64), given(2, 3, 64, 64, seed=4)
    fused = found(module, x, baseline)
    for block in module.blocks:
        assert block.attn.fused_attn
        block.attn.fused_attn = False
    torch.testing.assert_close(found(module, x, baseline), fused, rtol=1e-9, atol=1e-12)


def weighted(x: Tensor) -> Tensor:
    return (x * torch.linspace(-1, 2, x[0].numel(), dtype=x.dtype).reshape(x.shape[1:])).flatten(1).sum(1)


WHOLE: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda x: weighted((3 * x).softmax(1)),
    "softmax of what is far apart": lambda x: weighted((400 * x).softmax(1)),
    "layer norm": lambda x: weighted(nn.functional.layer_norm(x, (8,), torch.linspace(1, 2, 8).double())),
    "group norm": lambda x: weighted(nn.functional.group_norm(x.reshape(-1, 4, 2), 2, torch.arange(4.0).double())),
    "rms norm": lambda x: weighted(nn.functional.rms_norm(x, (8,))),
    "product": lambda x: weighted(x[:, :4] * x[:, 4:].exp()),
    "square": lambda x: weighted(x * x),
    "quotient": lambda x: weighted(x[:, :4] / (1 + x[:, 4:])),
    "power": lambda x: weighted((1 + x) ** 3),
    "gate": lambda x: weighted(nn.functional.glu(x, 1)),
    "maximum": lambda x: weighted(nn.functional.max_pool1d(x[:, None], 3, 2, 1)),
    "maxima in the plane": lambda x: weighted(nn.functional.max_pool2d(x.reshape(-1, 1, 2, 4), 2, 1)),
    "matrices": lambda x: weighted(x[:, :4].reshape(-1, 2, 2) @ x[:, 4:].reshape(-1, 2, 2)),
    "causal attention": lambda x: weighted(
        nn.functional.scaled_dot_product_attention(*[x.reshape(-1, 4, 2)] * 3, is_causal=True)
    ),
    "masked attention": lambda x: weighted(
        nn.functional.scaled_dot_product_attention(*[x.reshape(-1, 4, 2)] * 3, attn_mask=torch.eye(4).double())
    ),
    "maximum of rectified values": lambda x: weighted(nn.functional.max_pool1d((x - 0.5).relu()[:, None], 2)),
    "in place": lambda x: weighted((3 * x - 1).relu_().add_(x).mul_(2)),
}


@pytest.mark.parametrize("what", WHOLE)
def test_is_complete_in_every_operation(what: str) -> None:
    """To the last digits, whether values rise or fall."""
    complete(Network(Module(lambda x: torch.stack([WHOLE[what](x)] * 3, 1))), given(5, 8), given(5, 8, seed=4), 1e-9)


def test_a_rectifier_has_the_mean_slope() -> None:
    x, baseline = torch.tensor([[3.0, -1.0, 2.0, -2.0]]).double(), torch.tensor([[-1.0, 1.0, 1.0, -1.0]]).double()
    expected = torch.tensor([[3.0, -1.0, 1.0, 0.0]]).double()
    torch.testing.assert_close(found(Module(lambda x: x.relu().sum(1)), x, baseline), expected)


def test_factors_get_their_change_times_the_others_mean() -> None:
    x, baseline = torch.tensor([[3.0, 5.0]]).double(), torch.tensor([[1.0, -1.0]]).double()
    expected = torch.tensor([[2 * 2.0, 6 * 2.0]]).double()
    torch.testing.assert_close(found(Module(lambda x: x[:, 0] * x[:, 1]), x, baseline), expected)


@pytest.mark.parametrize(
    ("x", "baseline", "expected"), [([1.0, 4.0], [2.0, 0.0], [0, 2]), ([1.0, 0.0], [2.0, 3.0], [0, -2])]
)
def test_a_maximum_credits_the_winner_that_grew_or_the_one_that_shrank(
    x: list[float], baseline: list[float], expected: list[float]
) -> None:
    pool = Module(lambda x: nn.functional.max_pool1d(x[:, None], 2).flatten())
    map_ = found(pool, torch.tensor([x]).double(), torch.tensor([baseline]).double())
    torch.testing.assert_close(map_, torch.tensor([expected]).double())


def test_where_nothing_changes_the_multiplier_is_the_derivative() -> None:
    """Far below what rounding lets a quotient tell, in single precision."""
    x = torch.tensor([[1.0, 2.0]])
    baseline = x * (1 - torch.tensor([3e-7, 0.0]))
    map_ = found(Module(lambda x: x.exp().sum(1)), x, baseline)
    torch.testing.assert_close(map_ / (x - baseline), torch.tensor([[1.0, float("nan")]]).exp(), equal_nan=True)


def test_refuses_products_of_three() -> None:
    x = given(2, 3)
    with pytest.raises(Refused, match="no rule for einsum with 3 factors that depend on the input"):
        found(Module(lambda x: torch.einsum("n,n,n->n", *x.relu().unbind(1))), x, x)


def references(module: nn.Module, x: Tensor, pool: Tensor, budget: int = 12) -> tuple[Tensor, Tensor]:
    """DeepSHAP's maps, and the references that it draws, (N, K, …)."""
    gate, target = Gate(Network(module)), torch.arange(len(x)) % 3
    maps = methods["deep_shap"].function(gate, x, target, pool, Rng(range(len(x))), budget=budget)
    return maps, pool[Rng(range(len(x))).integers(len(pool), budget // 2)]


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks:UserWarning")
@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already:UserWarning")
def test_deep_shap_equals_captum_on_the_same_references() -> None:
    x, pool = given(3, 2, 6, 6), given(9, 2, 6, 6, seed=5)
    maps, drawn = references(seeded(conv_net), x, pool)
    for i, map_ in enumerate(maps):
        expected = DeepLiftShap(seeded(conv_net)).attribute(x[i : i + 1], drawn[i], target=i)
        torch.testing.assert_close(map_[None], expected.detach(), rtol=1e-7, atol=1e-9)


def test_deep_shap_is_complete_against_the_mean_of_its_references() -> None:
    x, pool, module = given(3, 2, 6, 6), given(9, 2, 6, 6, seed=5), seeded(conv_net)
    maps, drawn = references(module, x, pool)
    target = torch.arange(3)
    with torch.no_grad():
        mean = torch.stack([module(of)[:, i].mean() for i, of in enumerate(drawn)])
        change = module(x).gather(1, target[:, None])[:, 0] - mean
    torch.testing.assert_close(maps.flatten(1).sum(1), change)


def asked(samples: int = 4) -> Question:
    x = given(samples, 2, 6, 6)
    ids, target = tuple(f"sample-{i}" for i in range(samples)), torch.arange(samples) % 3
    pool = given(9, 2, 6, 6, seed=5)
    batch = Batch(ids, x, target, grid_units(x, 2), 0 * x, pool=pool)
    return Question(Gate(Network(seeded(conv_net)), "logit"), batch)


def test_deep_shap_draws_for_each_sample_alone() -> None:
    """The contract's questions have no pool: batch sizes, batch mates and seeds are tried here."""
    question, method = asked(), Asked(methods["deep_shap"], {"budget": 10})
    whole, cost = explain(method, question.gate, question.batch)
    assert (cost.forward, cost.backward) == (40, 20)
    for size in (1, 3):
        sized = question.sized(size)
        torch.testing.assert_close(explain(method, sized.gate, sized.batch)[0], whole, rtol=1e-6, atol=1e-9)
    for i in range(4):
        alone = question.picked([i])
        torch.testing.assert_close(explain(method, alone.gate, alone.batch)[0], whole[i : i + 1], rtol=1e-6, atol=1e-9)
    assert explain(method, question.gate, question.batch)[0].equal(whole)
    other = Asked(methods["deep_shap"], {"budget": 10}, seed=1)
    assert not explain(other, question.gate, question.batch)[0].equal(whole)


def test_deep_shap_refuses_a_budget_without_a_reference() -> None:
    question, method = asked(), Asked(methods["deep_shap"], {"budget": 1})
    with pytest.raises(Refused, match="a budget of 1 passes is too small: deep_shap needs at least 2"):
        explain(method, question.gate, question.batch)


def test_preprocessing_is_part_of_the_way() -> None:
    module, x, baseline = seeded(conv_net), given(2, 2, 6, 6), given(2, 2, 6, 6, seed=4)
    target = torch.tensor([0, 1])
    prepare = Pixels((0.5, 0.4), (0.2, 0.3), size=(6, 6))
    inside = methods["deep_lift"].function(Gate(Network(module, preprocess=prepare)), x, target, baseline)
    torch.testing.assert_close(inside, found(module, prepare(x), prepare(baseline), target))


def test_tables() -> None:
    network = Network(seeded(lambda: nn.Sequential(nn.Linear(6, 5), nn.SiLU(), nn.Linear(5, 3)).double()))
    complete(network, given(3, 6), given(3, 6, seed=4), 1e-9)
