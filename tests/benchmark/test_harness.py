"""The harness hands a part what it names, bills it, and does not trust what it gives back."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import (
    Batch,
    BlackBox,
    Differentiable,
    Gate,
    Method,
    Metric,
    Network,
    Refused,
    Rng,
    Truth,
    methods,
    metrics,
    per_unit,
    streams,
    unit_count,
)
from heatproof.benchmark.harness import Asked, explain, score

N, D = 5, 4


def linear() -> Gate:
    module = nn.Linear(D, 2)
    with torch.no_grad():
        module.weight.copy_(torch.arange(2.0 * D).reshape(2, D))
    return Gate(Network(module), "logit", batch_size=2)


def batch() -> Batch:
    x = torch.arange(float(N * D)).reshape(N, D)
    parts = torch.tensor([0, 0, 1, -1]).expand(N, -1)
    relevant = torch.tensor([[True, False]]).expand(N, -1)
    truth = Truth(parts, relevant=relevant, effect=torch.ones(N, 2), rival=torch.zeros(N).long())
    ids = tuple(f"s{i}" for i in range(N))
    return Batch(ids, x, torch.ones(N).long(), torch.arange(D).expand(N, -1), x.new_zeros(N, D), truth)


def gradient(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
    """The gradient."""
    return model.gradient(x, target)


def noise(x: Tensor, rng: Rng) -> Tensor:
    """Noise."""
    return rng.normal(*x.shape[1:])


def mass(attribution: Tensor, truth: Tensor) -> Tensor:
    """Relevance on the truth."""
    return (attribution * truth).sum(1)


def judged(function: Callable[..., object], attribution: Tensor, method: Asked | None = None) -> Mapping[str, Tensor]:
    return score(Asked(Metric(function), {}), linear(), batch(), attribution, method)[0]


def test_an_explanation_is_in_float64_per_element_and_billed() -> None:
    maps, cost = explain(Asked(Method(gradient), {}), linear(), batch())
    assert maps.dtype == torch.float64
    assert maps.tolist() == [[4, 5, 6, 7]] * N
    assert (cost.forward, cost.backward) == (N, N)
    assert cost.seconds > 0


def test_a_bill_belongs_to_one_explanation() -> None:
    gate = linear()
    for _ in range(2):
        assert explain(Asked(Method(gradient), {}), gate, batch())[1].forward == N


def test_streams_belong_to_sample_part_seed_and_repeat() -> None:
    for seed, repeat in ((0, 0), (3, 0), (0, 2)):
        maps, _ = explain(Asked(Method(noise), {}, seed, repeat), linear(), batch())
        expected = streams(batch().ids, seed, "noise", repeat).normal(D).double()
        assert torch.equal(maps, expected)


def test_settings_arrive_and_misspelt_ones_are_refused_at_once() -> None:
    def tuned(x: Tensor, *, strength: float = 1.0) -> Tensor:
        """A constant."""
        return torch.full_like(x, strength)

    maps, _ = explain(Asked(Method(tuned), {"strength": 3.0}), linear(), batch())
    assert (maps == 3).all()
    with pytest.raises(ValueError, match="tuned has no setting 'strenght': did you mean 'strength'"):
        Asked(Method(tuned), {"strenght": 3.0})


def test_what_is_no_tensor_or_has_another_shape_is_refused() -> None:
    def words(x: Tensor) -> str:
        """Not a tensor."""
        return "very relevant"

    def short(x: Tensor) -> Tensor:
        """One column too few."""
        return x[:, 1:]

    with pytest.raises(TypeError, match="words returned a str; expected a tensor"):
        explain(Asked(Method(words), {}), linear(), batch())
    with pytest.raises(ValueError, match=r"shape \(2, 3\); expected \(2, 4\) like x"):
        explain(Asked(Method(short), {}), linear(), batch())


class Disguised(Tensor):
    """A tensor of another class, which answers what it likes."""


ODD: dict[str, Callable[[Tensor], Tensor]] = {
    "Disguised": lambda x: x.as_subclass(Disguised),
    "complex tensor": lambda x: torch.complex(x, x),
    "sparse tensor": lambda x: x.to_sparse(),
    "meta tensor": lambda x: x.to("meta"),
    "quantized tensor": lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.quint8),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_no_plain_tensor_of_real_numbers_is_refused(kind: str) -> None:
    def odd(x: Tensor) -> Tensor:
        """An odd kind of map."""
        return ODD[kind](x)

    def odd_metric(attribution: Tensor) -> Tensor:
        """An odd kind of score."""
        return ODD[kind](attribution[:, 0].float())

    with pytest.raises(TypeError, match=f"odd returned a {kind}; expected "):
        explain(Asked(Method(odd), {}), linear(), batch())
    with pytest.raises(TypeError, match=f"odd_metric returned a {kind}; expected "):
        judged(odd_metric, torch.ones(N, D))


@pytest.mark.parametrize("change", [torch.nn.Parameter, Tensor.int, Tensor.bool, Tensor.half])
def test_numbers_of_any_type_are_a_map(change: Callable[[Tensor], Tensor]) -> None:
    def plain(x: Tensor) -> Tensor:
        """A map of real numbers."""
        return change(x)

    assert explain(Asked(Method(plain), {}), linear(), batch())[0].equal(change(batch().x).detach().double())


def test_a_model_that_cannot_answer_is_a_refusal() -> None:
    gate = Gate(Network(predict=lambda x: x.softmax(1)))
    with pytest.raises(Refused, match="needs a Differentiable model, this one is only BlackBox"):
        explain(Asked(Method(gradient), {}), gate, batch())


def test_metrics_see_masks_over_elements_and_effects_over_parts() -> None:
    seen: list[Tensor] = []

    def look(attribution: Tensor, truth: Tensor, effect: Tensor, parts: Tensor, rival: Tensor) -> Tensor:
        """Keeps what it sees."""
        seen.extend([attribution, truth, effect, parts, rival])
        return attribution.sum(1)

    judged(look, torch.ones(N, D))
    assert seen[0].tolist() == [[1, 1, 1, 1]] * 2
    truth, effect, parts, rival = seen[1:5]
    assert truth.tolist() == [[True, True, False, False]] * 2
    assert truth.dtype == torch.bool
    assert effect.tolist() == [[1, 1]] * 2
    assert parts.tolist() == [[0, 0, 1, -1]] * 2
    assert rival.tolist() == [0, 0]


def test_maps_without_signs_are_judged_by_the_magnitude_of_effects_and_values() -> None:
    seen: list[object] = []

    def look(
        attribution: Tensor,
        effect: Tensor,
        rival_effect: Tensor,
        values: Mapping[str, Tensor],
        truth: Tensor,
        explain: Callable[..., Tensor],
    ) -> Tensor:
        """Keeps what it sees."""
        seen.append([each.tolist() for each in (effect, rival_effect, values["shapley"], truth, explain())])
        return attribution.sum(1)

    question = batch()[:1]
    effect, rival = torch.tensor([[2.0, -3.0]]), torch.tensor([[-1.0, 0.0]])
    whole = replace(question.truth, effect=effect, rival_effect=rival, values={"shapley": -effect})
    asked = Asked(Metric(look), {}), linear(), replace(question, truth=whole), torch.ones(1, D)
    for declared in (True, False):
        score(*asked, Asked(replace(methods["oracle"], signed=declared), {}))
    again = [[1, 1, -3, 0]]  # who explains sees the truth as it is
    mask = [[True, True, False, False]]
    assert seen[0] == [[[2, -3]], [[-1, 0]], [[-2, 3]], mask, again]
    assert seen[1] == [[[2, 3]], [[1, 0]], [[2, 3]], mask, again]


@pytest.mark.parametrize("regions", ["", "patches:2"])
def test_every_piece_of_maps_without_signs_is_judged_by_magnitude(regions: str) -> None:
    """The slow way: a sample at a time, against effects whose signs were taken off beforehand."""

    def product(attribution: Tensor, effect: Tensor, game: object) -> Tensor:
        """Relevance times effect."""
        return attribution[:, 0] * effect.sum(1)

    x = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    units = torch.arange(16).expand(3, -1)
    effect = torch.tensor([[1.0, -4.0], [-2.0, 1.0], [3.0, 3.0]])
    truth = Truth((units >= 8).long(), effect=effect)
    asked = Batch(("a", "b", "c"), x, torch.zeros(3).long(), units, torch.zeros_like(x), truth)
    gate = Gate(Network(nn.Sequential(nn.Flatten(), nn.Linear(16, 2))), "logit", batch_size=2)
    maps = torch.tensor([1.0, 10.0, 100.0])[:, None].expand(-1, 16)
    metric = Asked(Metric(product), {"regions": regions})
    assert score(metric, gate, asked, maps, None)[0]["product"].tolist() == [-3, -10, 600]
    assert score(metric, gate, asked, maps, None, signed=False)[0]["product"].tolist() == [5, 30, 600]


def test_a_truth_that_is_not_known_is_a_refusal() -> None:
    def needy(attribution: Tensor, impossible: Tensor) -> Tensor:
        """Wants what is not known."""
        return attribution.sum(1)

    with pytest.raises(Refused, match="needs the truth's 'impossible', which this task does not know"):
        judged(needy, torch.ones(N, D))


def test_maps_that_are_not_finite_have_no_score_and_do_no_harm() -> None:
    maps = torch.ones(N, D).double()
    maps[1, 0], maps[3, 2] = torch.nan, -torch.inf
    found = judged(mass, maps)["mass"]
    assert found.isnan().tolist() == [False, True, False, True, False]
    assert found[[0, 2, 4]].tolist() == [2, 2, 2]


@pytest.mark.parametrize("kind", [torch.bool, torch.int64])
def test_maps_that_are_not_finite_have_no_score_whatever_the_metric_returns(kind: torch.dtype) -> None:
    def hit(attribution: Tensor) -> Tensor:
        """Whether the first element is the most relevant."""
        return (attribution.argmax(1) == 0).to(kind)

    maps = torch.ones(N, D).double()
    maps[1, 0] = torch.nan
    found = judged(hit, maps)["hit"]
    assert found.isnan().tolist() == [False, True, False, False, False]


def test_several_scores_and_curves_come_back_by_name() -> None:
    def both(attribution: Tensor) -> dict[str, Tensor]:
        """A score and a curve."""
        return {"total": attribution.sum(1), "curve": attribution.cumsum(1)}

    maps = torch.ones(N, D).double()
    maps[0, 0] = torch.nan
    found = judged(both, maps)
    assert found["total"].tolist()[1:] == [D] * (N - 1)
    assert found["curve"][2].tolist() == [1, 2, 3, 4]
    assert found["curve"][0].isnan().all()


@pytest.mark.parametrize("answer", [torch.tensor(1.0), torch.ones(1), torch.ones(2, 3, 4), 0.5])
def test_a_metric_that_returns_no_value_per_sample_is_refused(answer: object) -> None:
    def bad(attribution: Tensor) -> object:
        """Not one value per sample."""
        return {"bad": answer}

    with pytest.raises(TypeError, match=r"bad must return one value per sample, shape \(2,\); bad is not"):
        judged(bad, torch.ones(N, D))


def test_explaining_again_asks_the_method_about_another_input_or_target() -> None:
    def change(attribution: Tensor, x: Tensor, rival: Tensor, explain: Callable[..., Tensor]) -> dict[str, Tensor]:
        """The change of the map."""
        return {
            "same": (explain() - attribution).abs().sum(1),
            "target": (explain(target=rival) - attribution).sum(1),
            "input": (explain(x=2 * x) - attribution).sum(1),
        }

    def weighted(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
        """Gradient times input."""
        return x * model.gradient(x, target)

    asked = Asked(Method(weighted), {})
    maps, _ = explain(asked, linear(), batch())
    metric = Asked(Metric(change), {})
    found, cost = score(metric, linear(), batch(), maps, asked)
    weight = torch.arange(2.0 * D).reshape(2, D)
    assert found["same"].tolist() == [0] * N
    assert found["target"].tolist() == ((weight[0] - weight[1]) * batch().x).sum(1).tolist()
    assert found["input"].tolist() == (weight[1] * batch().x).sum(1).tolist()
    assert (cost.forward, cost.backward) == (3 * N, 3 * N)
    with pytest.raises(Refused, match="explains again, and stored maps cannot"):
        score(metric, linear(), batch(), maps, None)


def test_a_metric_s_streams_leave_the_method_out() -> None:
    def luck(attribution: Tensor, rng: Rng) -> Tensor:
        """Chance."""
        return rng.uniform(1)[:, 0]

    ones, twos = torch.ones(N, D), 2 * torch.ones(N, D)
    first = judged(luck, ones, Asked(Method(gradient), {}))["luck"]
    assert torch.equal(first, judged(luck, twos, Asked(Method(noise), {}, 5, 3))["luck"])
    assert torch.equal(first, streams(batch().ids, 0, "luck", 0).uniform(1)[:, 0])


def test_a_metric_s_passes_are_billed() -> None:
    def asks(attribution: Tensor, model: BlackBox, x: Tensor, target: Tensor) -> Tensor:
        """Asks twice."""
        return model.score(x, target) + model.score(0 * x, target)

    cost = score(Asked(Metric(asks), {}), linear(), batch(), torch.ones(N, D), None)[1]
    assert (cost.forward, cost.backward) == (2 * N, 0)


RAGGED = torch.tensor([[0, 0, 1, 1], [0, 1, 2, 3], [0, 0, 0, 1], [3, 2, 1, 0], [0, 0, 0, 0]])


def counted(units: Tensor) -> Tensor:
    """The number of units that it is handed, on every unit."""
    return torch.full((len(units), unit_count(units)), float(unit_count(units)))


def test_samples_with_different_numbers_of_units_are_explained_as_if_alone() -> None:
    samples = replace(batch(), units=RAGGED)
    maps, _ = explain(Asked(Method(counted), {}), linear(), samples)
    handed = torch.tensor([[2, 2, 0, 0], [4] * 4, [2, 2, 0, 0], [4] * 4, [1, 0, 0, 0]]).double()
    torch.testing.assert_close(per_unit(maps, RAGGED), handed, rtol=1e-6, atol=0)


def test_samples_with_different_numbers_of_units_are_scored_as_if_alone() -> None:
    samples, maps = replace(batch(), units=RAGGED), torch.rand(N, D, dtype=torch.float64)
    asked, gate = Asked(metrics["perturbation_curves"], {}), linear()
    together, cost = score(asked, gate, samples, maps, None)
    alone = [score(asked, gate, samples[i : i + 1], maps[i : i + 1], None) for i in range(N)]
    assert cost.forward == sum(bill.forward for _, bill in alone)
    for name, values in together.items():
        for i, (scores, _) in enumerate(alone):
            own = scores[name][0].reshape(-1)
            torch.testing.assert_close(values[i].reshape(-1)[: len(own)], own, equal_nan=True)
            assert values[i].reshape(-1)[len(own) :].isnan().all(), "a shorter curve ends"
