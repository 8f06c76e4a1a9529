"""Forgetting in models, similarity and unevenness of maps: against scipy, numpy and loops."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy, spearmanr
from torch import Tensor, nn

from heatproof.benchmark import Method, Refused, WhiteBox, metrics
from heatproof.benchmark.checks import ask
from heatproof.benchmark.checks._questions import Question, seeded
from heatproof.benchmark.harness import Asked, score
from heatproof.metrics.randomisation._layers import cascade, cuts, layers, single
from heatproof.metrics.randomisation._similarity import spearman
from heatproof.metrics.randomisation.efficient_mprt import histogram_entropy
from heatproof.models._torchvision import timm

N = 4
NAMES = ["mprt", "smooth_mprt", "efficient_mprt"]
Parameters = dict[str, Tensor]


class Mixed(nn.Module):
    """A network with a bare parameter, batch norm, and a weight that two layers share."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((8,), 0.1))
        self.embed = nn.Linear(8, 8)
        self.norm = nn.BatchNorm1d(8)
        self.tied = nn.Linear(8, 8)
        self.tied.weight = self.embed.weight
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(self.embed(x * self.scale)).relu()
        logits: Tensor = self.head(self.tied(hidden))
        return logits


def _vit() -> nn.Module:
    module: nn.Module = timm.models.VisionTransformer(
        img_size=16, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=3, init_values=1e-5
    )
    return module


def trained(build: Callable[[], nn.Module]) -> nn.Module:
    """A network whose every parameter has moved from where it started."""
    module = seeded(build)
    source = torch.Generator().manual_seed(81)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=source))
    module.eval()
    return module


def question(build: Callable[[], nn.Module] = Mixed) -> Question:
    x = torch.rand(N, 3, 16, 16) if build is _vit else torch.rand(N, 8)
    return ask(trained(build), x, target=torch.arange(N) % 3, layers=("head",))


def remembering(models: list[Parameters]) -> Asked:
    """A method that remembers the parameters that it was asked about."""

    def remembered(model: WhiteBox, x: Tensor) -> Tensor:
        """Rising numbers."""
        models.append({name: value.detach().clone() for name, value in model.module.named_parameters()})
        return torch.arange(x.numel(), dtype=x.dtype).reshape(x.shape)

    return Asked(Method(remembered), {})


def forgotten(name: str, asked: Question, **settings: object) -> list[list[str]]:
    """Return the names of the parameters that differ from the model's own, for each copy that was explained."""
    models: list[Parameters] = []
    maps = torch.rand(N, asked.batch.units.shape[1])
    score(Asked(metrics[name], settings), asked.gate, asked.batch, maps, remembering(models))
    own = dict(asked.gate.module.named_parameters())
    return [[name for name in own if bool((copy[name] != own[name]).all())] for copy in models]


@pytest.mark.parametrize("build", [Mixed, _vit])
@pytest.mark.parametrize("name", NAMES)
def test_no_number_of_any_parameter_survives_the_full_cascade(name: str, build: Callable[[], nn.Module]) -> None:
    """Bare parameters, tied weights, the affine of batch norm, a class token, positions and layer scales included."""
    asked = question(build)
    own = {each for each, _ in asked.gate.module.named_parameters()}
    assert own >= ({"cls_token", "pos_embed", "blocks.0.ls1.gamma"} if build is _vit else {"scale", "norm.weight"})
    copies = forgotten(name, asked, **({"draws": 1} if name == "smooth_mprt" else {}))
    assert own in [set(copy) for copy in copies]


def test_the_cascade_starts_at_the_output_and_each_step_alone_is_its_last_layer() -> None:
    order = [["head.weight", "head.bias"], ["tied.bias"], ["norm.weight", "norm.bias"], ["embed.weight", "embed.bias"]]
    order += [["scale"]]
    assert layers(Mixed()) == order
    copies = forgotten("mprt", question())
    assert [set(copy) for copy in copies[:5]] == [
        {name for layer in order[:count] for name in layer} for count in range(1, 6)
    ]
    assert [set(copy) for copy in copies[5:]] == [set(layer) for layer in order]


def test_a_step_of_several_layers_ends_with_the_layer_that_is_forgotten_alone() -> None:
    module = Mixed()
    assert [len(names) for names in cascade(module, 2)] == [5, 8]
    assert single(module, 2) == [["norm.weight", "norm.bias"], ["scale"]]


@given(st.integers(1, 200), st.integers(1, 20))
def test_steps_are_even_rise_and_end_with_all(count: int, steps: int) -> None:
    found = cuts(count, steps)
    assert len(found) == min(count, steps)
    assert found[-1] == count
    gaps = [after - before for before, after in zip([0, *found], found, strict=False)]
    assert min(gaps) >= 1
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_copies_are_those_of_the_seed_whatever_the_global_random_state(name: str) -> None:
    asked, found = question(), []
    for seed, luck in ((0, 1), (0, 2), (3, 1)):
        models: list[Parameters] = []
        with torch.random.fork_rng():
            torch.manual_seed(luck)
            settings = Asked(metrics[name], {"seed": seed})
            score(settings, asked.gate, asked.batch, torch.rand(N, 8), remembering(models))
        found.append([model["head.weight"].tolist() for model in models])
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_samples_share_their_copies_whatever_batch_they_are_in() -> None:
    asked = question()
    together, alone = (forgotten_weights(each) for each in (asked, asked.picked([2])))
    assert all(left.equal(right) for left, right in zip(together, alone, strict=True))


def forgotten_weights(asked: Question) -> list[Tensor]:
    models: list[Parameters] = []
    score(Asked(metrics["mprt"], {}), asked.gate, asked.batch, torch.rand(len(asked.batch), 8), remembering(models))
    return [model["embed.weight"] for model in models]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_without_parameters_has_nothing_to_forget(name: str) -> None:
    asked = ask(lambda x: x.sum(1), torch.rand(N, 8), layers=("none",))
    with pytest.raises(Refused, match="no parameters"):
        score(Asked(metrics[name], {}), asked.gate, asked.batch, torch.rand(N, 8), remembering([]))


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=2, max_size=12))
def test_similarity_is_scipys_spearman_ties_and_all(pairs: list[tuple[int, int]]) -> None:
    left, right = (torch.tensor([column]).double() for column in zip(*pairs, strict=True))
    found = spearman(left, right).item()
    if any(len(set(column)) == 1 for column in zip(*pairs, strict=True)):
        assert np.isnan(found)
    else:
        assert found == pytest.approx(spearmanr(left[0], right[0]).statistic, rel=1e-12, abs=1e-12)


def test_similarity_of_large_maps_needs_no_pairs() -> None:
    source = torch.Generator().manual_seed(82)
    left, right = torch.randn(2, 1, 40000, generator=source, dtype=torch.float64)
    assert spearman(left, right + left).item() == pytest.approx(spearmanr(left[0], (right + left)[0]).statistic)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_similarity_to_a_map_that_is_not_finite_is_undefined(value: float) -> None:
    left, right = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 2.0, value]])
    assert spearman(left, right).isnan().all()
    assert spearman(right, left).isnan().all()


@pytest.mark.parametrize("bins", [3, 10, 100])
@pytest.mark.parametrize("count", [8, 900])
def test_entropy_is_scipys_of_numpys_histogram(bins: int, count: int) -> None:
    source = torch.Generator().manual_seed(83)
    maps = torch.randn(20, count, generator=source, dtype=torch.float64) ** 3
    expected = [entropy(np.histogram(row, bins)[0]) for row in maps.numpy()]
    np.testing.assert_allclose(histogram_entropy(maps, bins), expected, rtol=1e-2)
    exact = np.isclose(histogram_entropy(maps, bins), expected, rtol=1e-12)
    assert exact.mean() >= 0.7, "only a value within a ten-thousandth of a bin from its edge may fall to the other side"


@pytest.mark.parametrize("scale", [1e-12, 1 / 3, 1e12])
def test_values_on_the_edges_of_bins_stay_there_when_a_map_is_scaled(scale: float) -> None:
    maps = torch.arange(21.0)[None].double()
    assert histogram_entropy((scale * maps).float().double(), 20).equal(histogram_entropy(maps, 20))


def test_smoothing_averages_what_the_noisy_inputs_give() -> None:
    inputs: list[Tensor] = []

    def curved(x: Tensor) -> Tensor:
        """A map that is not linear in the input, and of no model."""
        inputs.append(x.clone())
        return x**3

    asked = question()
    settings = Asked(metrics["smooth_mprt"], {"draws": 5, "steps": 2})
    found = score(settings, asked.gate, asked.batch, torch.rand(N, 8), Asked(Method(curved), {}))[0]
    assert len(inputs) == 3 * 5
    assert all(own.equal(copy) for own, copy in zip(inputs[:5], inputs[10:], strict=True))
    assert len({each.numpy().tobytes() for each in inputs[:5]}) == 5
    assert found["smooth_mprt"].tolist() == [1.0] * N
    noise = (torch.stack(inputs[:5]) - asked.batch.x) / asked.batch.x / 0.1
    assert abs(noise.mean().item()) < 5 / noise.numel() ** 0.5
    assert noise.square().mean().item() == pytest.approx(1, abs=5 * (2 / noise.numel()) ** 0.5)


def test_the_other_class_is_any_but_the_target_and_each_as_often() -> None:
    targets: list[int] = []

    def listening(x: Tensor, target: Tensor) -> Tensor:
        """The input."""
        targets.extend(target.tolist())
        return x

    asked = ask(nn.Linear(4, 5), torch.rand(1000, 4), target=torch.full((1000,), 2))
    maps = asked.batch.x.double()
    found = score(Asked(metrics["random_logit"], {}), asked.gate, asked.batch, maps, Asked(Method(listening), {}))[0]
    assert (found["random_logit"] == 1).all()
    counts = [targets.count(k) for k in range(5)]
    assert counts[2] == 0
    assert all(abs(count - 250) < 5 * 250**0.5 for k, count in enumerate(counts) if k != 2)


def test_an_untrained_gradient_is_unlike_and_an_edge_map_is_not() -> None:
    """The purpose of the test: of two maps, it tells the one that asks the model from the one that does not."""

    def slope(model: WhiteBox, x: Tensor, target: Tensor) -> Tensor:
        """The gradient."""
        return model.gradient(x, target)

    def edges(x: Tensor) -> Tensor:
        """The difference from the next column."""
        return x - x.roll(1, 1)

    asked = question()
    found = {}
    for function in (slope, edges):
        method = Asked(Method(function), {})
        maps = function(asked.gate, asked.batch.x, asked.batch.target) if function is slope else edges(asked.batch.x)
        found[function] = score(Asked(metrics["mprt"], {}), asked.gate, asked.batch, maps.double(), method)[0]
    for key in ("mprt_cascading", "mprt_independent", "mprt_full"):
        assert (found[edges][key] == 1).all(), key
        assert found[slope][key].mean() < 0.9, key
