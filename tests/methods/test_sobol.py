"""Sobol attribution against indices that are known in closed form, and a slow loop."""

import pytest
import torch
from scipy.stats import qmc
from torch import Tensor

from heatproof.benchmark import Refused, Rng, methods
from heatproof.benchmark.checks._questions import Question, ask, pictures


def found(question: Question, rng: Rng, **settings: int) -> Tensor:
    batch, function = question.batch, methods["sobol"].function
    maps: Tensor = function(question.gate, batch.x, batch.target, batch.units, batch.baseline, rng, **settings)
    return maps


def test_of_a_sum_is_each_ones_share_of_the_variance() -> None:
    weight = torch.tensor([3.0, -1.0, 0.0, 2.0]).double()
    maps = found(ask(lambda x: x @ weight, torch.ones(3, 4).double()), Rng([1, 2, 3]), budget=6 * 2048)
    torch.testing.assert_close(maps, (weight**2 / 14).expand(3, -1), rtol=0, atol=2e-3)


def test_of_a_product_counts_what_is_shared_for_both() -> None:
    """Of m1 m2, the variance is 1/9 - 1/16 = 7/144, and 4/144 of it remain on average when the other one is known."""
    maps = found(ask(lambda x: x[:, 0] * x[:, 1], torch.ones(2, 3).double()), Rng([1, 2]), budget=5 * 2048)
    torch.testing.assert_close(maps, torch.tensor([[4 / 7, 4 / 7, 0.0]]).double().expand(2, -1), rtol=0, atol=5e-3)


def test_equals_a_slow_loop_and_never_fades_what_belongs_to_no_unit() -> None:
    question = pictures()
    units = question.batch.units.clone()
    units[:, 7:11] = -1
    batch = question.batch
    function = methods["sobol"].function
    maps = function(question.gate, batch.x, batch.target, units, batch.baseline, Rng(range(5)), budget=18 * 3 + 5)

    def answer(i: int, values: list[float]) -> float:
        mask = torch.tensor([1.0 if unit < 0 else values[unit] for unit in units[i].tolist()]).reshape(16, 16)
        mixed = batch.x[i] * mask + batch.baseline[i] * (1 - mask)
        return float(question.gate.score(mixed[None], batch.target[i : i + 1]).item())

    for i in range(5):
        points = qmc.Sobol(32, seed=int(Rng([i]).integers(2**31 - 1))).random_base2(2)[:3]
        designs = [(point[:16].tolist(), point[16:].tolist()) for point in points]
        first = [answer(i, a) for a, _ in designs]
        spread = torch.tensor(first + [answer(i, b) for _, b in designs]).double().var(correction=0).item()
        for unit in range(16):
            swapped = [answer(i, [*a[:unit], b[unit], *a[unit + 1 :]]) for a, b in designs]
            index = sum((y - z) ** 2 for y, z in zip(first, swapped, strict=True)) / (2 * 3) / spread
            assert maps[i, unit].item() == pytest.approx(index, rel=1e-3, abs=1e-6)


def test_is_zero_where_the_score_does_not_vary() -> None:
    question = ask(lambda x: x.sum(1) * 0 + 2, torch.ones(2, 3))
    assert (found(question, Rng([0, 1])) == 0).all()


def test_refuses_less_than_two_designs() -> None:
    with pytest.raises(Refused, match="a budget of 35 passes is too small: sobol needs at least 36"):
        found(pictures(), Rng(range(5)), budget=35)


@pytest.mark.parametrize(("budget", "passes"), [(36, 36), (53, 36), (54, 54), (2112, 2106)])
def test_bills_whole_designs(budget: int, passes: int) -> None:
    question = pictures()
    found(question, Rng(range(5)), budget=budget)
    assert question.gate.meter.forward == 5 * passes
    assert methods["sobol"].passes_of({"budget": budget}, 16) == (passes, 0)
