"""Local function approximation: known explainers as instances, closed forms, and the pitfalls of its paper's code."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Game, Refused, Rng, methods
from heatproof.benchmark.checks._questions import Question, ask, black_box, pictures, table
from heatproof.benchmark.harness import Asked as AskedMethod
from heatproof.benchmark.harness import explain
from heatproof.methods.surrogates._engine import OfUnits, Points, squared_error
from heatproof.methods.surrogates._neighbourhoods import NEIGHBOURHOODS, Asked, neighbourhood, shapley

Ask = Callable[..., Question]
MATCHED = {"loss": "gradient_matching"}

INSTANCES = [
    ("lime", {"budget": 60}, {"neighbourhood": "bernoulli", "budget": 60, "ridge": 1.0}),
    ("kernel_shap", {"budget": 60}, {"neighbourhood": "shapley", "budget": 60}),
    ("leave_one_out", {}, {"neighbourhood": "one_hot"}),
    ("c_lime", {"budget": 60, "noise": 0.3}, {"neighbourhood": "gaussian", "budget": 60, "noise": 0.3}),
    (
        "smoothgrad",
        {"budget": 9, "noise": 0.3},
        {"neighbourhood": "gaussian", **MATCHED, "budget": 9, "noise": 0.3},
    ),
    ("gradient", {}, {"neighbourhood": "gaussian", **MATCHED, "budget": 1, "noise": 0.0}),
    ("integrated_gradients", {"budget": 9}, {"neighbourhood": "scaling", **MATCHED, "budget": 9}),
    ("input_x_gradient", {}, {"neighbourhood": "scaling", **MATCHED, "budget": 1, "low": 1.0}),
]


def asked_directly(name: str, question: Question, **settings: object) -> Tensor:
    """Ask a method with one stream per sample, the same for every method."""
    batch, part = question.batch, methods[name]
    words = {
        "model": question.gate,
        "game": Game(question.gate, batch),
        "x": batch.x,
        "target": batch.target,
        "baseline": batch.baseline,
        "rng": Rng(range(70, 70 + len(batch))),
    }
    values: Tensor = part.function(*(words[word] for word in part.needs), **settings)
    return values


def approximated(question: Question, **settings: object) -> Tensor:
    return asked_directly("local_approximation", question, **settings)


@pytest.mark.parametrize("make", [pictures, table])
@pytest.mark.parametrize(("name", "settings", "instance"), INSTANCES, ids=[name for name, _, _ in INSTANCES])
def test_known_explainers_are_instances(
    name: str, settings: dict[str, object], instance: dict[str, object], make: Callable[[], Question]
) -> None:
    """With the same draws where they draw; the networks compute in double precision and answer in single."""
    question = make()
    expected = asked_directly(name, question, **settings).double()
    found = approximated(question, **instance)
    assert found.shape == expected.shape
    assert ((found - expected).abs() <= 1e-5 * expected.abs().amax()).all()


@pytest.mark.parametrize(("name", "settings", "instance"), INSTANCES, ids=[name for name, _, _ in INSTANCES])
def test_in_double_precision_they_are_equal_to_ten_digits(
    name: str, settings: dict[str, object], instance: dict[str, object], additive: Ask
) -> None:
    question = additive(False)
    question = replace(question, batch=replace(question.batch, baseline=torch.zeros_like(question.batch.x)))
    expected = asked_directly(name, question, **settings)
    torch.testing.assert_close(approximated(question, **instance), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("name", "settings", "instance"), INSTANCES, ids=[name for name, _, _ in INSTANCES])
def test_an_instance_bills_what_the_explainer_does(
    name: str, settings: dict[str, object], instance: dict[str, object]
) -> None:
    question = pictures()
    part = methods["local_approximation"]
    cost = explain(AskedMethod(part, instance), question.gate, question.batch)[1]
    named = methods[name].passes_of(settings, 16)
    assert named is not None
    assert part.passes_of(instance, 16) == named
    assert (cost.forward, cost.backward) == (5 * named[0], 5 * named[1])


@pytest.mark.parametrize(
    "settings",
    [
        {"neighbourhood": "bernoulli", "bias": False},
        {"neighbourhood": "shapley", "bias": False},
        {"neighbourhood": "one_hot", "bias": False},
        {"neighbourhood": "gaussian", "bias": False},
        {"neighbourhood": "gaussian", "bias": False, **MATCHED},
        {"neighbourhood": "scaling", "low": 0.5, **MATCHED},
    ],
)
@pytest.mark.parametrize("budget", [17, 40, 41])
def test_the_bill_is_exact_and_within_the_budget(settings: dict[str, object], budget: int) -> None:
    question, part = pictures(), methods["local_approximation"]
    chosen = {**settings, "budget": budget}
    cost = explain(AskedMethod(part, chosen), question.gate, question.batch)[1]
    passes = part.passes_of(chosen, 16)
    assert passes == (cost.forward / 5, cost.backward / 5)
    assert passes[0] <= budget


def test_smoothgrad_becomes_the_gradient_and_integrated_gradients_input_times_gradient() -> None:
    """The paper's convergence: the distance falls with the noise, and with the way that is integrated over."""
    question = ask(lambda x: (x.sin() * x.roll(1, 1).exp()).sum(1), torch.randn(6, 4, dtype=torch.float64).clamp(-1, 1))
    x = question.batch.x
    for name, setting, values, exact in (
        ("gaussian", "noise", (0.3, 0.1, 0.03, 0.001), question.gate.gradient(x, question.batch.target)),
        ("scaling", "low", (0.0, 0.5, 0.95, 0.9999), x * question.gate.gradient(x, question.batch.target)),
    ):
        found = [approximated(question, neighbourhood=name, **MATCHED, budget=64, **{setting: v}) for v in values]
        errors = [float((maps - exact).abs().mean()) for maps in found]
        assert errors == sorted(errors, reverse=True), name
        assert errors[-1] <= 1e-3 * float(exact.abs().mean()), name


def constrained(
    xi: np.ndarray, weight: np.ndarray, scores: np.ndarray, ends: dict[float, float], ridge: float = 0.0
) -> np.ndarray:
    """Weighted least squares with a bias under equality constraints, from its Lagrange conditions."""
    size = xi.shape[1] + 1
    design = np.hstack([np.ones((len(xi), 1)), xi])
    exact = np.array([[1.0] + [value] * (size - 1) for value in ends]).reshape(len(ends), size)
    moment = design.T @ np.diag(weight) @ design + ridge * np.diag([0.0] + [1.0] * (size - 1))
    system = np.block([[moment, exact.T], [exact, np.zeros((len(ends), len(ends)))]])
    return np.linalg.solve(system, np.concatenate([design.T @ (weight * scores), list(ends.values())]))[1:size]


class Given:
    """A model that is known at given points."""

    size, here = 5, 1.0

    def __init__(self, scores: Tensor, ends: dict[float, float]) -> None:
        self.left, self.ends = scores, ends

    def scores(self, xi: Tensor) -> Tensor:
        count = xi.shape[1]
        now, self.left = self.left[:, :count], self.left[:, count:]
        return now

    def constant(self, value: float) -> Tensor:
        return torch.full((2,), self.ends[value], dtype=torch.float64)


@pytest.mark.parametrize("ends", [{}, {1.0: 0.7}, {1.0: 0.7, 0.0: -1.5}], ids=["free", "here", "both"])
@pytest.mark.parametrize("ridge", [0.0, 2.5])
@pytest.mark.parametrize("sizes", [[40], [1, 30, 9]])
def test_squared_error_is_weighted_least_squares_under_equality_constraints(
    ends: dict[float, float], ridge: float, sizes: list[int]
) -> None:
    generator = torch.Generator().manual_seed(3)
    xi, weight, scores = (torch.rand(2, 40, *s, generator=generator, dtype=torch.float64) for s in ((5,), (), ()))
    points = zip(xi.split(sizes, 1), weight.split(sizes, 1), strict=True)
    found = squared_error(Given(scores, ends), points, through=tuple(ends), ridge=ridge)
    for sample in range(2):
        expected = constrained(xi[sample].numpy(), weight[sample].numpy(), scores[sample].numpy(), ends, ridge)
        assert found[sample].tolist() == pytest.approx(expected.tolist(), rel=1e-9)


def test_weights_for_all_samples_are_the_same_as_weights_for_each() -> None:
    xi, weight, scores = torch.rand(2, 20, 5).double(), torch.rand(20).double(), torch.rand(2, 20).double()
    shared, own = (squared_error(Given(scores, {}), [(xi, w)]) for w in (weight, weight.expand(2, -1)))
    assert shared.equal(own)


@pytest.mark.parametrize("ends", [{}, {1.0: 0.7}], ids=["free", "here"])
def test_inputs_alone_are_ridge_regressions_of_one_input_each(ends: dict[float, float]) -> None:
    generator = torch.Generator().manual_seed(4)
    xi, weight, scores = (torch.rand(2, 9, *s, generator=generator, dtype=torch.float64) for s in ((5,), (), ()))
    found = squared_error(Given(scores, ends), [(xi, weight)], through=tuple(ends), ridge=2.5, alone=True)
    for sample, column in product(range(2), range(5)):
        one = xi[sample, :, column : column + 1].numpy()
        expected = constrained(one, weight[sample].numpy(), scores[sample].numpy(), ends, 2.5)
        assert found[sample, column].item() == pytest.approx(expected[0], rel=1e-9)


# Pitfalls of the paper's own code.


def test_the_weights_weigh() -> None:
    """Errors (1, 2, 3) with weights (1, 100, 1): a loss of (n, 1) by (n,) would take the mean as if all weighed 1."""
    xi = torch.ones(1, 3, 1).double()
    scores = torch.tensor([[1.0, 2.0, 4.0]]).double()
    around = Given(scores, {})
    around.ends = {1.0: 0.0, 0.0: 0.0}
    # The surrogate is w.(xi - 1) + 0 here: move the points to where it reads 1.
    (found,) = squared_error(_Here(around), [(xi, torch.tensor([1.0, 100.0, 1.0]))], through=(0.0,))
    assert found.item() == pytest.approx((1 + 200 + 4) / 102)


class _Here:
    """The same model, the sample standing at zero."""

    size, here = 1, 0.0

    def __init__(self, given: Given) -> None:
        self.given = given

    def scores(self, xi: Tensor) -> Tensor:
        return self.given.scores(xi)

    def constant(self, value: float) -> Tensor:
        return torch.zeros(1, dtype=torch.float64)


@pytest.mark.parametrize("units", [171, 250])
def test_more_units_than_a_factorial_can_count(units: int) -> None:
    """171! is no double; and no draw is empty or full, so both ends must come as constraints."""
    weight = torch.linspace(-2, 1, units, dtype=torch.float64)
    question = ask(lambda x: x @ weight + 5, torch.ones(2, units, dtype=torch.float64))
    exact = weight.expand(2, -1)
    for settings in ({"neighbourhood": "shapley"}, {"neighbourhood": "one_hot"}, {"neighbourhood": "bernoulli"}):
        torch.testing.assert_close(approximated(question, **settings), exact, rtol=1e-7, atol=1e-7)


def test_both_ends_are_exact_with_far_fewer_draws_than_units() -> None:
    question = ask(lambda x: (x.cumsum(1).sin()).sum(1), torch.ones(3, 40, dtype=torch.float64))
    game = Game(question.gate, question.batch)
    xi, _ = next(shapley(Asked(Rng([70, 71, 72]), 8, 40)))
    assert 0 < xi.double().mean(2).min() < xi.double().mean(2).max() < 1
    found = approximated(question, neighbourhood="shapley", budget=10)
    torch.testing.assert_close(found.sum(1), game.full - game.empty)
    # The paper gives both ends a weight of a million instead.
    heavy = torch.cat([torch.ones(3, 1, 40), torch.zeros(3, 1, 40), xi], 1)
    weight = torch.tensor([1e6, 1e6, *[1.0] * 8])
    torch.testing.assert_close(found, squared_error(OfUnits(game), [(heavy, weight)]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({"neighbourhood": "bernoulli"}, {"width": 0.1}),
        ({"neighbourhood": "bernoulli"}, {"ridge": 3.0}),
        ({"neighbourhood": "bernoulli"}, {"bias": False}),
        ({"neighbourhood": "gaussian"}, {"noise": 0.3}),
        ({"neighbourhood": "gaussian"}, {"bias": False}),
        ({"neighbourhood": "gaussian"}, {"ridge": 3.0}),
        ({"neighbourhood": "gaussian", **MATCHED}, {"noise": 0.3}),
        ({"neighbourhood": "scaling", **MATCHED}, {"low": 0.5}),
    ],
)
def test_no_setting_is_ignored(settings: dict[str, object], changed: dict[str, object]) -> None:
    question = table()
    plain, other = (approximated(question, budget=40, **chosen) for chosen in (settings, {**settings, **changed}))
    assert not torch.allclose(plain, other, rtol=1e-3)


# Model recovery: a model that is in the class is found.


@pytest.mark.parametrize(
    ("settings", "times_the_way"),
    [
        ({"neighbourhood": "gaussian"}, False),
        ({"neighbourhood": "gaussian", "bias": False}, False),
        ({"neighbourhood": "gaussian", **MATCHED}, False),
        ({"neighbourhood": "bernoulli"}, True),
        ({"neighbourhood": "bernoulli", "bias": False}, True),
        ({"neighbourhood": "shapley"}, True),
        ({"neighbourhood": "one_hot"}, True),
        ({"neighbourhood": "scaling", **MATCHED}, True),
    ],
)
def test_a_linear_model_is_recovered(settings: dict[str, object], times_the_way: bool) -> None:
    generator = torch.Generator().manual_seed(5)
    x, baseline = (torch.randn(4, 8, generator=generator, dtype=torch.float64) for _ in range(2))
    weight = torch.linspace(-2, 1, 8, dtype=torch.float64)
    question = ask(lambda x: x @ weight - 3, x, baseline=baseline)
    exact = weight * (x - baseline) if times_the_way else weight.expand(4, -1)
    torch.testing.assert_close(approximated(question, budget=50, **settings), exact, rtol=1e-9, atol=1e-9)


# Composing new explainers.


@pytest.fixture
def uniform() -> Iterator[str]:
    """A neighbourhood that a user registers in a few lines."""

    @neighbourhood("multiplicative")
    def uniform(asked: Asked) -> Iterator[Points]:
        """Every number stands somewhere between the baseline and the sample."""
        for draws in asked.portions():
            yield asked.rng.uniform(draws, asked.size), torch.ones(draws)

    yield "uniform"
    del NEIGHBOURHOODS["uniform"]


@pytest.mark.parametrize("loss", ["squared", "gradient_matching"])
def test_a_users_neighbourhood_composes_with_either_loss(loss: str, uniform: str) -> None:
    question = ask(lambda x: (x**2).sum(1), torch.tensor([[1.0, 2.0, -3.0]]).double().repeat(400, 1))
    found = approximated(question, neighbourhood=uniform, loss=loss, budget=200)
    # Of u², u uniform, the best line has slope 1, and that is the mean slope, too.
    exact, error = question.batch.x[0] ** 2, found.std(0) / 400**0.5
    assert ((found.mean(0) - exact).abs() <= 4 * error + 1e-12).all()
    part = methods["local_approximation"]
    cost = explain(
        AskedMethod(part, {"neighbourhood": uniform, "loss": loss, "budget": 30}), question.gate, question.batch
    )[1]
    assert cost.forward == 400 * 30


def test_a_taken_name_is_refused() -> None:
    with pytest.raises(ValueError, match="neighbourhood 'gaussian' is already defined: choose another name"):

        @neighbourhood("additive")
        def gaussian(asked: Asked) -> Iterator[Points]:
            """Somebody else's."""
            yield torch.zeros(1, 1, 1), torch.ones(1)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        (
            {"neighbourhood": "gausian"},
            ValueError,
            r"neighbourhood 'gausian': did you mean 'gaussian'\? choose",
        ),
        ({"neighbourhood": "?"}, ValueError, "choose one of bernoulli, shapley, one_hot, gaussian, scaling"),
        ({"loss": "absolute"}, ValueError, "unknown loss 'absolute': choose one of squared, gradient_matching"),
        (
            {"neighbourhood": "one_hot", **MATCHED},
            Refused,
            "a hidden unit has no gradient to match: choose loss=",
        ),
        ({"neighbourhood": "bernoulli", **MATCHED}, Refused, "bernoulli hides units"),
        ({"neighbourhood": "scaling"}, Refused, "scaling moves all numbers together, .* match gradients"),
        ({"neighbourhood": "gaussian", "noise": 0.0}, Refused, "without noise .* squared error needs noise > 0"),
        ({"neighbourhood": "gaussian", "noise": -1.0}, ValueError, "noise is -1.0; give a share"),
        ({"neighbourhood": "scaling", "low": 1.5, **MATCHED}, ValueError, "low is 1.5; give the least factor, from 0"),
        (
            {"neighbourhood": "one_hot", "budget": 8},
            Refused,
            "budget of 8 passes is too small: one_hot needs at least 9",
        ),
        ({"budget": 1}, Refused, "a budget of 1 passes is too small: local_approximation needs at least 2"),
        ({"neighbourhood": "scaling", **MATCHED, "budget": 0}, Refused, "local_approximation needs at least 1"),
    ],
)
def test_what_has_no_meaning_is_one_line(settings: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        approximated(table(), **settings)
    assert "\n" not in str(caught.value)


def test_a_readout_that_it_cannot_heed_is_refused_and_one_that_it_can_is_heeded() -> None:
    question, part = table(), methods["local_approximation"]
    told = {"readout": "logit", "budget": 40}
    with pytest.raises(Refused, match="reads the probability, not the logit: drop `readout`"):
        explain(AskedMethod(part, {**told, "neighbourhood": "gaussian"}), question.gate, question.batch)
    maps = [explain(AskedMethod(part, chosen), question.gate, question.batch)[0] for chosen in (told, {"budget": 40})]
    assert not torch.allclose(*maps)


def test_a_neighbourhood_without_points_is_one_line() -> None:
    with pytest.raises(ValueError, match="the neighbourhood has no points: yield some"):
        squared_error(Given(torch.zeros(2, 0), {}), [])


def test_a_model_without_gradient_has_lime_and_c_lime() -> None:
    question = black_box()
    for name in ("lime", "c_lime"):
        maps, _ = explain(AskedMethod(methods[name], {"budget": 40}), question.gate, question.batch)
        assert maps.abs().amax(1).min() > 0


def test_portions_of_large_inputs_change_no_draw() -> None:
    """Three hundred numbers a point make portions of 218; one of all points has the same normal noise."""
    question = ask(lambda x: (x**2).sum(1), torch.rand(2, 300, dtype=torch.float64))
    asked = [Asked(Rng([1, 2]), 500, 300), Asked(Rng([1, 2]), 500, 300)]
    assert [*asked[0].portions()] == [218, 218, 64]
    for name, kind in NEIGHBOURHOODS.items():
        if name in ("bernoulli", "gaussian"):
            small = torch.cat([points for points, _ in kind.draw(asked[0])], 1)
            rng = Rng([1, 2])
            whole = (
                rng.uniform(500, 300) < 0.5
                if name == "bernoulli"
                else 0.15 * torch.stack([rng.normal(300) for _ in range(500)], 1)
            )
            start = 1 if name == "bernoulli" else 0
            assert small[:, start:].equal(whole[:, start:])
            asked[0] = asked[1]
    assert approximated(question, neighbourhood="gaussian", budget=500).isfinite().all()
