"""The axioms: what is done to the network, and the methods that are known to keep them."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Gate, GlassBox, Network, Refused, methods, metrics
from heatproof.benchmark.capabilities import View
from heatproof.benchmark.checks import Question, ask
from heatproof.benchmark.checks._questions import pictures, seeded
from heatproof.benchmark.checks.oracles import agrees, oracles_of
from heatproof.benchmark.harness import Asked, explain, score
from heatproof.benchmark.question import built, models

AXIOMS = (
    "completeness",
    "dummy",
    "implementation_invariance",
    "input_shift_invariance",
    "linearity",
    "only_difference",
    "symmetry",
)


@pytest.mark.parametrize("name", AXIOMS)
def test_no_oracle_is_skipped(name: str) -> None:
    proofs = [agrees(metrics[name], proof) for proof in oracles_of(name)]
    assert len(proofs) >= 5


def judged(name: str, method: str, question: Question) -> Tensor:
    asked = Asked(methods[method], {})
    maps, _ = explain(asked, question.gate, question.batch)
    return score(Asked(metrics[name], {}), question.gate, question.batch, maps, asked)[0][name]


@pytest.mark.parametrize("name", ["dummy", "symmetry", "linearity", "implementation_invariance"])
@pytest.mark.parametrize(
    "method", ["gradient", "input_x_gradient", "integrated_gradients", "smoothgrad", "leave_one_out"]
)
def test_methods_that_only_ask_for_scores_and_gradients_keep_the_axiom(method: str, name: str) -> None:
    torch.testing.assert_close(judged(name, method, pictures()), torch.zeros(5).double(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", ["gradient", "smoothgrad", "grad_cam"])
def test_methods_that_do_not_read_the_input_itself_do_not_see_a_shift(method: str) -> None:
    shifted = judged("input_shift_invariance", method, pictures())
    torch.testing.assert_close(shifted, torch.zeros(5).double(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", ["input_x_gradient", "integrated_gradients", "leave_one_out"])
def test_methods_that_start_from_a_baseline_find_one_difference(method: str) -> None:
    assert (judged("only_difference", method, pictures()) <= 1e-6).all()


def offered(question: Question, name: str) -> GlassBox:
    """Return the network that a metric has explained instead of the question's own."""
    given: list[GlassBox] = []

    def again(
        x: Tensor | None = None,
        model: GlassBox | None = None,
        baseline: Tensor | None = None,
        target: Tensor | None = None,
    ) -> Tensor:
        if model is not None:
            given.append(model)
        return torch.ones(question.batch.units.shape)

    view = View(question.gate, GlassBox)  # type: ignore[arg-type]
    batch = question.batch
    words = {"model": view, "x": batch.x, "target": batch.target, "units": batch.units, "baseline": batch.baseline}
    words |= {"explain": again, "attribution": torch.ones(batch.units.shape)}
    metrics[name].function(*(words[word] for word in metrics[name].needs))
    return given[-1]


def test_a_blind_network_sees_everything_but_the_band() -> None:
    question = pictures()
    x, blind = question.batch.x, offered(question, "dummy")
    noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(31))
    for row in range(16):
        other = x.clone()
        other[:, :, row] = noise[:, :, row]
        assert torch.equal(blind.logits(other), blind.logits(x)) == (4 <= row < 8)


def test_a_mirrored_network_takes_an_input_for_its_mirror_image() -> None:
    question = pictures()
    x, other = question.batch.x, offered(question, "symmetry")
    assert torch.equal(other.logits(x), other.logits(x.flip(-1)))
    assert not torch.allclose(other.logits(x), other.logits(x.flip(-2)))


def test_a_mixed_network_answers_with_means_of_neighbours() -> None:
    question = pictures()
    x = question.batch.x
    logits, mixed = question.gate.logits(x), offered(question, "linearity").logits(x)
    for k in range(4):
        torch.testing.assert_close(mixed[:, k], (logits[:, k] + logits[:, (k + 1) % 4]) / 2)


@pytest.mark.parametrize("name", ["creatures_resnet", "creatures_vit"])
def test_real_networks_are_written_otherwise_without_relus_under_the_same_names(name: str) -> None:
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(32))
    question = Question(Gate(built(models[name])), ask(lambda x: x.flatten(1).sum(1), x).batch)
    other = offered(question, "implementation_invariance")
    with torch.no_grad():
        assert torch.equal(other.logits(x), question.gate.network.logits(x)), "by the modules, nothing folded"
    kinds = {type(part) for part in other.module.modules()}
    assert nn.ReLU not in kinds
    assert sum(part.numel() for part in other.module.parameters()) > 1.5 * sum(
        part.numel() for part in question.gate.module.parameters()
    )
    assert other.layers() == question.gate.layers()
    for mine, its in zip(question.gate.tap(x, question.batch.target), other.tap(x, question.batch.target), strict=True):
        torch.testing.assert_close(its, mine, rtol=1e-3, atol=1e-6)


class Reading(nn.Module):
    """A network that is another one when its layer is."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layer(x) + type(self.layer).__name__.startswith("Linear")
        return answer


class Bare(nn.Module):
    """A network of one parameter, in no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8, 2))

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.weight).tanh()


ROWS = torch.randn(3, 8, generator=torch.Generator().manual_seed(33))


@pytest.mark.parametrize(("build", "reason"), [(Reading, "same logits"), (Bare, "no ReLU")])
def test_a_network_that_cannot_be_written_otherwise_is_refused(build: Callable[[], nn.Module], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        judged("implementation_invariance", "gradient", ask(seeded(build), ROWS))


def test_a_shift_that_is_lost_in_rounding_is_refused() -> None:
    question = ask(lambda x: x.sum(1), ROWS)
    with pytest.raises(Refused, match="same logits"):
        score(
            Asked(metrics["input_shift_invariance"], {"shift": 1e9}),
            question.gate,
            question.batch,
            ROWS.double(),
            Asked(methods["gradient"], {}),
        )


def test_baselines_of_their_own_are_refused() -> None:
    question = ask(lambda x: x.sum(1), ROWS, baseline=ROWS.roll(1, 0))
    with pytest.raises(Refused, match="baseline of its own"):
        judged("dummy", "gradient", question)


def test_whole_numbers_have_no_mean_with_their_mirror_image() -> None:
    question = ask(lambda x: x.double().sum(1), torch.arange(24).reshape(3, 8))
    with pytest.raises(Refused, match="whole numbers"):
        judged("symmetry", "constant", question)


def test_a_layer_with_two_names_stays_one_function() -> None:
    layer = seeded(lambda: nn.Linear(8, 8))
    question = ask(nn.Sequential(layer, nn.ReLU(), layer), ROWS)
    assert torch.equal(judged("implementation_invariance", "gradient", question), torch.zeros(3).double())


def test_no_module_no_change() -> None:
    question = ask(lambda x: x.sum(1), ROWS)
    network = Network(predict=lambda x: x[:, :2].softmax(1))
    with pytest.raises(Refused, match="no module"):
        judged("dummy", "constant", replace(question, gate=Gate(network)))
