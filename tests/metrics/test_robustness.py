"""Scores beside an input, told again by loops over the copies that the method was shown, and by captum."""

from collections.abc import Callable
from math import sqrt

import pytest
import torch
from captum.metrics import sensitivity_max
from torch import Tensor, nn

from heatproof.benchmark import Differentiable, Method, Refused, metrics
from heatproof.benchmark.checks import ask
from heatproof.benchmark.checks._questions import Question, seeded
from heatproof.benchmark.harness import Asked, explain, score

N = 6


class Seen:
    """A method that remembers what it was shown, the input itself first."""

    def __init__(self) -> None:
        self.inputs: list[Tensor] = []

    @property
    def method(self) -> Asked:
        def remembering(model: Differentiable, x: Tensor, target: Tensor) -> Tensor:
            """The gradient times the input."""
            self.inputs.append(x.clone())
            return x * model.gradient(x, target)

        return Asked(Method(remembering), {})

    def scores(self, name: str, question: Question, **settings: object) -> dict[str, Tensor]:
        maps, _ = explain(self.method, question.gate, question.batch)
        return score(Asked(metrics[name], settings), question.gate, question.batch, maps, self.method)[0]


def _net(inputs: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 12), nn.Tanh(), nn.Linear(12, 3)).double()


def pictures() -> Question:
    x = torch.rand(N, 2, 5, 6, generator=torch.Generator().manual_seed(71), dtype=torch.float64)
    return ask(seeded(lambda: _net(60)), x, target=torch.arange(N) % 3)


def rows() -> Question:
    """Rows of columns whose units and baselines are far apart."""
    source = torch.Generator().manual_seed(72)
    unit, baseline = torch.logspace(-2, 3, 8).double(), 10 * torch.randn(8, generator=source).double()
    x = baseline + unit * torch.randn(N, 8, generator=source).double()
    scaled = nn.Sequential(_Scaled(unit, baseline), seeded(lambda: _net(8)))
    return ask(scaled, x, target=torch.arange(N) % 3, baseline=baseline.expand(N, -1))


class _Scaled(nn.Module):
    def __init__(self, unit: Tensor, baseline: Tensor) -> None:
        super().__init__()
        self.unit, self.baseline = unit, baseline

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.baseline) / self.unit


def length(values: Tensor) -> float:
    return sqrt(sum(value * value for value in values.flatten().tolist()))


def slow(question: Question, inputs: list[Tensor], i: int) -> dict[str, float]:
    """Tell all scores of one sample by a loop over its copies."""
    batch, gate = question.batch, question.gate
    x, target = batch.x[i : i + 1], batch.target[i : i + 1]

    def mapped(at: Tensor) -> Tensor:
        product = at * gate.gradient(at, target)
        return product.sum(1) if at.ndim > 2 else product

    def measured(at: Tensor) -> Tensor:
        return at if at.ndim > 2 else (at - batch.baseline[i]) / (x - batch.baseline[i])

    changes, slopes, steps, outputs = [], [], [], []
    own = gate.logits(x)
    for copies in inputs:
        copy = copies[i : i + 1]
        change = length(mapped(copy) - mapped(x)) / length(mapped(x))
        distance = length(measured(copy) - measured(x))
        changes.append(change)
        slopes.append(change / distance)
        if gate.logits(copy).argmax() == own.argmax():
            steps.append(change / (distance / length(measured(x))))
            outputs.append(change / length(gate.logits(copy) - own))
    return {
        "max_sensitivity": max(changes),
        "average_sensitivity": sum(changes) / len(changes),
        "local_lipschitz": max(slopes),
        "relative_input_stability": max(steps, default=float("nan")),
        "relative_output_stability": max(outputs, default=float("nan")),
    }


@pytest.mark.parametrize("make", [pictures, rows])
@pytest.mark.parametrize("radius", [0.02, 1.5])
def test_stability_is_that_of_a_loop(make: Callable[[], Question], radius: float) -> None:
    question, seen = make(), Seen()
    found = seen.scores("stability", question, radius=radius, samples=6)
    assert len(seen.inputs) == 7
    for i in range(N):
        for name, expected in slow(question, seen.inputs[1:], i).items():
            assert found[name][i].item() == pytest.approx(expected, rel=1e-6, nan_ok=True), name


def test_some_copies_are_of_another_class_and_some_are_not() -> None:
    """Or the loop would prove nothing about which copies count."""
    question, seen = pictures(), Seen()
    seen.scores("stability", question, radius=1.5, samples=6)
    own, *others = (question.gate.logits(x).argmax(1) for x in seen.inputs)
    same = torch.stack([other == own for other in others])
    assert 0 < same.double().mean() < 1


@pytest.mark.parametrize("make", [pictures, rows])
def test_the_largest_sensitivity_is_captums(make: Callable[[], Question]) -> None:
    question, seen = make(), Seen()
    found = seen.scores("stability", question, samples=5)["max_sensitivity"]
    copies, batch = iter(seen.inputs[1:]), question.batch
    maps = sensitivity_max(
        lambda x: explain(seen.method, question.gate, _with(question, *x).batch)[:1],
        batch.x,
        perturb_func=lambda _: (next(copies),),
        n_perturb_samples=5,
        max_examples_per_batch=N,
    )
    torch.testing.assert_close(found, maps, rtol=1e-9, atol=0)


def _with(question: Question, x: Tensor) -> Question:
    return ask(question.gate.module, x, target=question.batch.target, baseline=question.batch.baseline)


@pytest.mark.parametrize("name", ["stability", "consistency"])
def test_copies_lie_in_a_box_around_the_input_and_fill_it(name: str) -> None:
    """To both sides, up to the radius, uniformly; those of consistency in boxes that grow."""
    question, seen = pictures(), Seen()
    seen.scores(name, question, radius=0.4, samples=20)
    for step, copy in enumerate(seen.inputs[1:], 1):
        radius = 0.4 if name == "stability" else 0.4 * step / 20
        noise = ((copy - question.batch.x) / radius).flatten()
        assert noise.abs().max() <= 1
        assert noise.max() > 0.95
        assert noise.min() < -0.95
        assert abs(noise.mean().item()) < 5 * sqrt(1 / 3 / len(noise))
        assert noise.square().mean().item() == pytest.approx(1 / 3, abs=5 * sqrt(4 / 45 / len(noise)))


def test_columns_move_by_a_share_of_their_distance_from_the_baseline() -> None:
    question, seen = rows(), Seen()
    seen.scores("stability", question, radius=0.1, samples=40)
    batch = question.batch
    noise = (torch.stack(seen.inputs[1:]) - batch.x) / (batch.x - batch.baseline)
    largest, least = noise.amax((0, 1)), noise.amin((0, 1))
    assert ((largest > 0.095) & (largest <= 0.1 + 1e-6)).all()
    assert ((least < -0.095) & (least >= -0.1 - 1e-6)).all()


def test_representation_stability_is_that_of_a_loop() -> None:
    hidden = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh()).double()
    module = seeded(lambda: nn.Sequential(hidden, _net(48)))
    x = pictures().batch.x
    question, seen = ask(module, x, target=torch.arange(N) % 3, layers=("0",)), Seen()
    found = seen.scores("representation_stability", question, radius=1.0, samples=6)["representation_stability"]
    for i in range(N):
        target = question.batch.target[i : i + 1]

        def mapped(at: Tensor, target: Tensor = target) -> Tensor:
            return (at * question.gate.gradient(at, target)).sum(1)

        own, ratios = x[i : i + 1], []
        for copies in seen.inputs[1:]:
            copy = copies[i : i + 1]
            if module(copy).argmax() == module(own).argmax():
                step = length(hidden(copy) - hidden(own)) / length(hidden(own))
                ratios.append(length(mapped(copy) - mapped(own)) / length(mapped(own)) / step)
        assert found[i].item() == pytest.approx(max(ratios, default=float("nan")), rel=1e-6, nan_ok=True)


def test_consistency_is_that_of_a_loop() -> None:
    question, seen = pictures(), Seen()
    found = seen.scores("consistency", question, radius=1.0, samples=30, share=0.1)["consistency"]
    defined = 0
    for i in range(N):
        target = question.batch.target[i : i + 1]

        def top(at: Tensor, target: Tensor = target) -> set[int]:
            flat = (at * question.gate.gradient(at, target)).sum(1).flatten().tolist()
            return set(sorted(range(30), key=lambda place: -flat[place])[:3])

        own = question.batch.x[i : i + 1]
        alike = [copies[i : i + 1] for copies in seen.inputs[1:] if top(copies[i : i + 1]) == top(own)]
        same = [question.gate.logits(copy).argmax() == question.gate.logits(own).argmax() for copy in alike]
        expected = sum(map(bool, same)) / len(same) if same else float("nan")
        defined += bool(same)
        assert found[i].item() == pytest.approx(expected, rel=1e-12, nan_ok=True)
    assert defined >= 3
    assert found.nan_to_num(1.0).min() < 1


def test_continuity_is_that_of_a_loop_over_moves() -> None:
    question, seen = pictures(), Seen()
    found = seen.scores("continuity", question, steps=2)["continuity"]
    assert len(seen.inputs) == 1 + 8
    x = question.batch.x
    moved = []
    for rows_, columns in [(by * r, by * c) for by in (1, 2) for r, c in ((1, 0), (-1, 0), (0, 1), (0, -1))]:
        copy = torch.zeros_like(x)
        for row in range(5):
            for column in range(6):
                if 0 <= row - rows_ < 5 and 0 <= column - columns < 6:
                    copy[:, :, row, column] = x[:, :, row - rows_, column - columns]
        moved.append(copy)
    assert {each.numpy().tobytes() for each in moved} == {each.numpy().tobytes() for each in seen.inputs[1:]}
    for i in range(N):
        target = question.batch.target[i : i + 1]

        def mapped(at: Tensor, target: Tensor = target) -> Tensor:
            return (at * question.gate.gradient(at, target)).sum(1)

        own = mapped(x[i : i + 1])
        expected = max(
            float((mapped(copy[i : i + 1]) - own).abs().sum() / own.abs().sum()) / length(copy[i] - x[i])
            for copy in moved
        )
        assert found[i].item() == pytest.approx(expected, rel=1e-6)


def test_a_move_beyond_the_edge_leaves_the_baseline() -> None:
    question, seen = pictures(), Seen()
    found = seen.scores("continuity", question, steps=7)["continuity"]
    assert found.isfinite().all()
    assert (seen.inputs[-1] == 0).all()


@pytest.mark.parametrize("name", ["stability", "consistency"])
def test_token_ids_have_no_noisy_copies(name: str) -> None:
    question = ask(lambda x: x.sum(1).double(), torch.ones(N, 4).long())
    with pytest.raises(Refused, match="whole numbers"):
        score(Asked(metrics[name], {}), question.gate, question.batch, torch.ones(N, 4), Seen().method)


def test_only_pictures_are_moved() -> None:
    with pytest.raises(Refused, match=r"only pictures can be moved; the inputs have shape \(8,\)"):
        Seen().scores("continuity", rows())


@pytest.mark.parametrize("samples", [1, 5])
def test_bills_are_the_metrics_own_passes(samples: int) -> None:
    question, quiet = pictures(), Asked(Method(_still), {})
    for name in ("stability", "consistency"):
        asked = Asked(metrics[name], {"samples": samples})
        cost = score(asked, question.gate, question.batch, torch.rand(N, 30), quiet)[1]
        assert (cost.forward, cost.backward) == ((samples + 1) * N, 0)
        assert asked.part.passes_of(asked.settings, 30) == (samples + 1, 0)


def _still(x: Tensor) -> Tensor:
    """The input itself; it costs no pass."""
    return x
