"""LIME against scikit-learn's ridge regression, captum, and all coalitions at once."""

from itertools import product

import numpy as np
import pytest
import torch
from captum._utils.models.linear_model import SkLearnRidge
from captum.attr import Lime
from sklearn.linear_model import Ridge
from torch import Tensor, nn

from heatproof.benchmark import Game, Refused, Rng, impute, methods
from heatproof.benchmark.checks._questions import Question, ask, pictures, seeded
from heatproof.methods.surrogates._neighbourhoods import Asked, bernoulli


def rng(samples: int) -> Rng:
    return Rng(range(samples))


def found(question: Question, **settings: float) -> Tensor:
    batch = question.batch
    values: Tensor = methods["lime"].function(Game(question.gate, batch), rng(len(batch)), **settings)
    return values


def drawn(samples: int, budget: int, units: int, width: float = 0.25) -> tuple[Tensor, Tensor]:
    """The coalitions (N, M, U) that LIME draws from the same streams, and their weights."""
    portions = list(bernoulli(Asked(rng(samples), budget, units, width=width)))
    return torch.cat([kept for kept, _ in portions], 1), torch.cat([weight for _, weight in portions], 1)


def kernel(kept: np.ndarray, width: float) -> np.ndarray:
    """The authors' kernel, from the cosine distance to all units, written out."""
    norm = np.sqrt(kept.sum(-1) * kept.shape[-1])
    cosine = np.divide(kept.sum(-1), norm, out=np.zeros(norm.shape), where=norm > 0)
    return np.sqrt(np.exp(-((1 - cosine) ** 2) / width**2))


def interacting(players: int = 6) -> nn.Module:
    return seeded(lambda: nn.Sequential(nn.Linear(players, 12), nn.Tanh(), nn.Linear(12, 1), nn.Flatten(0)).double())


def table(samples: int = 3, players: int = 6) -> Question:
    x = torch.randn(1, players, generator=torch.Generator().manual_seed(51), dtype=torch.float64)
    return ask(interacting(players), x.repeat(samples, 1))


@pytest.mark.parametrize("width", [0.1, 0.25, 3.0])
@pytest.mark.parametrize("ridge", [0.01, 1.0, 20.0])
def test_equals_ridge_regression_with_the_kernel_written_out(width: float, ridge: float) -> None:
    question = table()
    kept, _ = drawn(3, 60, 6)
    scores = Game(question.gate, question.batch).scores(kept).detach().numpy()
    for sample, row in enumerate(found(question, budget=60, width=width, ridge=ridge)):
        design = kept[sample].double().numpy()
        fit = Ridge(ridge).fit(design, scores[sample], sample_weight=kernel(design, width))
        assert row.tolist() == pytest.approx(fit.coef_.tolist(), rel=1e-7, abs=1e-10)


def test_equals_captum_on_the_same_draws_of_pictures() -> None:
    """Captum computes in single precision."""
    question, budget = pictures(), 80
    batch = question.batch
    kept, weight = drawn(len(batch), budget, 16)
    ours = found(question, budget=budget)
    for sample in range(len(batch)):
        rows, x, units = iter(kept[sample]), batch.x[sample : sample + 1], batch.units[sample : sample + 1]
        weights = iter(weight[sample])
        explainer = Lime(
            lambda x, target=batch.target[sample : sample + 1]: question.gate.score(x, target),
            interpretable_model=SkLearnRidge(alpha=1.0),
            similarity_func=lambda *_, w=weights, **__: next(w),
            perturb_func=lambda _, r=rows, **__: next(r)[None].float(),
        )
        mask = units.reshape(1, 1, 16, 16).expand(x.shape)
        coefficients = explainer.attribute(
            x,
            baselines=batch.baseline[sample : sample + 1],
            feature_mask=mask,
            n_samples=budget,
            return_input_shape=False,
        )
        assert ours[sample].tolist() == pytest.approx(coefficients[0].tolist(), rel=1e-4, abs=1e-7)


def test_tends_to_the_regression_on_all_coalitions() -> None:
    """Within four standard errors of 300 estimates, for each unit."""
    question, width = table(300), 0.25
    every = np.array(list(product([0.0, 1.0], repeat=6)))
    batch = question.batch
    inputs = impute(batch.x[:1].repeat(64, 1), batch.baseline[:1].repeat(64, 1), torch.from_numpy(every).bool())
    scores = question.gate.score(inputs, torch.zeros(64, dtype=torch.int64)).numpy()
    root = np.sqrt(kernel(every, width))[:, None]
    design = np.hstack([np.ones((64, 1)), every])
    exact = np.linalg.lstsq(design * root, scores * root[:, 0], rcond=None)[0][1:]
    estimates = found(question, budget=4000, width=width, ridge=0.0).numpy()
    assert (abs(estimates.mean(0) - exact) <= 4 * estimates.std(0) / 300**0.5).all()
    uniform = np.linalg.lstsq(design, scores, rcond=None)[0][1:]
    assert (abs(estimates.mean(0) - uniform) > 4 * estimates.std(0) / 300**0.5).any(), "the kernel weighs nothing"


def test_is_exact_on_an_additive_game_without_ridge() -> None:
    weight = torch.linspace(-2, 1, 9, dtype=torch.float64)
    question = ask(lambda x: x @ weight, torch.ones(2, 9, dtype=torch.float64))
    torch.testing.assert_close(found(question, budget=40, ridge=0.0), weight.expand(2, -1), rtol=1e-10, atol=1e-10)


def test_the_first_draw_is_the_sample_and_the_others_are_fair() -> None:
    kept, _ = drawn(2, 20_000, 5)
    assert kept[:, 0].all()
    assert kept[:, 1:].double().mean(1).flatten().tolist() == pytest.approx([0.5] * 10, abs=4 * 0.5 / 20_000**0.5)
    assert not kept[0].equal(kept[1])


def test_one_unit_and_the_smallest_budget_give_finite_maps() -> None:
    one = ask(lambda x: 3 * x[:, 0], torch.ones(4, 1, dtype=torch.float64))
    assert found(one, budget=400, ridge=0.0).flatten().tolist() == pytest.approx([3.0] * 4)
    assert found(one, budget=2).isfinite().all()
    with pytest.raises(Refused, match="a budget of 1 passes is too small: lime needs at least 2"):
        found(one, budget=1)
