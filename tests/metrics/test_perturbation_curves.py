"""Insertion and deletion on linear models, where every area is known, and against slow loops elsewhere."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import Batch, Gate, Network, Rng, grid_units, metrics, streams
from heatproof.benchmark.checks._questions import Question
from heatproof.benchmark.harness import Asked, score

Scored = Callable[..., dict[str, Tensor]]


class Sum(nn.Module):
    """Logit 0 is the sum of all inputs to a power, logit 1 is zero."""

    def __init__(self, power: int = 1) -> None:
        super().__init__()
        self.power = power

    def forward(self, x: Tensor) -> Tensor:
        total = x.flatten(1).sum(1) ** self.power
        return torch.stack([total, 0 * total], 1)


def linear(worth: list[float], areas: list[int], samples: int = 1, power: int = 1) -> Question:
    """Ask the sum about a row of elements: unit u has so many elements, which are worth so much together."""
    row = [each / area for each, area in zip(worth, areas, strict=True) for _ in range(area)]
    labels = [unit for unit, area in enumerate(areas) for _ in range(area)]
    x = torch.tensor([row], dtype=torch.float64).repeat(samples, 1)
    units, target = torch.tensor([labels]).repeat(samples, 1), torch.zeros(samples, dtype=torch.int64)
    batch = Batch(tuple(map(str, range(samples))), x, target, units, torch.zeros_like(x))
    return Question(Gate(Network(Sum(power)), "logit"), batch)


def test_areas_of_two_uneven_units_by_hand(scored: Scored) -> None:
    """Unit 0 is a quarter of the area and worth 3, unit 1 is the rest and worth 1."""
    question = linear([3.0, 1.0], [1, 3])
    found = scored("perturbation_curves", question, question.batch.x)
    assert found["fraction"].tolist() == [[0.0, 0.25, 1.0]]
    assert found["insertion_curve"].tolist() == [[0.0, 3.0, 4.0]]
    assert found["deletion_curve"].tolist() == [[4.0, 1.0, 0.0]]
    assert found["insertion"].tolist() == [0.25 * 1.5 + 0.75 * 3.5]
    assert found["deletion"].tolist() == [0.25 * 2.5 + 0.75 * 0.5]
    assert found["relevance_gain"].tolist() == [2.0]
    assert found["insertion_normalised"].tolist() == [0.75]
    assert found["deletion_normalised"].tolist() == [0.25]
    assert found["tied_units"].tolist() == [0.0]


def test_units_go_by_relevance_per_area(scored: Scored) -> None:
    """The large unit has more relevance, the small one more of it per element, so the small one goes first."""
    question = linear([2.0, 3.0], [1, 3])
    assert scored("perturbation_curves", question, question.batch.x)["insertion_curve"].tolist() == [[0.0, 2.0, 5.0]]


def test_a_linear_model_with_even_units_has_a_parabola(scored: Scored) -> None:
    """With worth 1..U in falling order, f(k) is kU - k(k-1)/2 and the trapezoids add up to what is written here."""
    worth = [float(each) for each in range(1, 9)]
    question = linear(worth, [1] * 8)
    found = scored("perturbation_curves", question, question.batch.x)
    curve = [k * 8 - k * (k - 1) / 2 for k in range(9)]
    assert found["insertion_curve"].tolist() == [curve]
    assert found["insertion"].item() == pytest.approx((sum(curve) - 36 / 2) / 8)
    assert found["deletion"].item() == pytest.approx(36 - (sum(curve) - 36 / 2) / 8)


def slow(question: Question, attribution: Tensor, steps: int, rng: Rng) -> list[dict[str, float | list[float]]]:
    """One sample, one cut, one element after the other."""
    batch, answers = question.batch, []
    count = int(batch.units.max()) + 1
    shuffles = rng.permutation(count).tolist()
    for i in range(len(batch)):
        members = [[e for e in range(batch.units.shape[1]) if batch.units[i, e] == u] for u in range(count)]
        relevance = [sum(attribution[i, e].item() for e in own) / len(own) for own in members]
        order = sorted(shuffles[i], key=lambda unit: -relevance[unit])
        pieces = min(steps, count)
        if count % 2 and not pieces % 2:
            pieces -= 1
        fraction, up, down = [], [], []
        hits_up: list[bool] = []
        hits_down: list[bool] = []
        for piece in range(pieces + 1):
            first = [e for unit in order[: round(count * piece / pieces)] for e in members[unit]]
            kept, gone = (batch.baseline[i].flatten(1).clone(), batch.x[i].flatten(1).clone())
            for e in first:
                kept[:, e], gone[:, e] = batch.x[i].flatten(1)[:, e], batch.baseline[i].flatten(1)[:, e]
            both = torch.stack([kept, gone]).reshape(2, *batch.x[i].shape)
            chances = question.gate.module(both).softmax(1)
            values = chances[:, batch.target[i]].tolist()
            for hits, row, best in ((hits_up, chances[0], values[0]), (hits_down, chances[1], values[1])):
                hits.append(sum(each >= best for each in row.tolist()) == 1)
            fraction.append(len(first) / batch.units.shape[1])
            up.append(values[0])
            down.append(values[1])
        gap = up[-1] - up[0]
        above, below = (float(np.trapezoid(curve, fraction)) for curve in (up, down))
        answers.append(
            {
                "fraction": fraction,
                "insertion_curve": up,
                "deletion_curve": down,
                "insertion": above,
                "deletion": below,
                "relevance_gain": above - below,
                "insertion_normalised": float(np.trapezoid([(each - up[0]) / gap for each in up], fraction)),
                "deletion_normalised": float(np.trapezoid([(each - up[0]) / gap for each in down], fraction)),
                "aopc": sum(down[0] - each for each in down) / len(down),
                "monotonicity": float(all(a <= b + 1e-12 for a, b in pairwise(reversed(down)))),
                **{
                    f"highest_confidence_{share}": max(
                        each for each, part in zip(up, fraction, strict=True) if part <= share / 100 + 1e-12
                    )
                    for share in (25, 50, 75, 100)
                },
                "minimal_insertion": next(
                    (part for part, each in zip(fraction, hits_up, strict=True) if each), float("nan")
                ),
                "minimal_deletion": next(
                    (part for part, each in zip(fraction, hits_down, strict=True) if hits_down[0] and not each),
                    float("nan"),
                ),
                "tied_units": sum(relevance.count(each) > 1 for each in relevance) / count,
            }
        )
    return answers


@pytest.mark.parametrize("steps", [1, 2, 3, 6, 7, 16])
@pytest.mark.parametrize("tied", [False, True])
def test_equals_slow_loops(scored: Scored, uneven: Question, maps: Tensor, steps: int, tied: bool) -> None:
    attribution = maps.round().clamp(min=0) if tied else maps
    found = scored("perturbation_curves", uneven, attribution, steps=steps)
    rng = streams(uneven.batch.ids, 0, "perturbation_curves", 0)
    for i, expected in enumerate(slow(uneven, attribution, steps, rng)):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name][i].tolist() == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), name


@pytest.mark.parametrize("steps", [2, 3, 4, 7, 16])
@pytest.mark.parametrize("units", [4, 5, 6, 7, 25])
def test_inserting_is_deleting_in_the_reverse_order(scored: Scored, units: int, steps: int) -> None:
    source = torch.Generator().manual_seed(53)
    worth = torch.rand(units, generator=source).tolist()
    areas = torch.randint(1, 5, (units,), generator=source).tolist()
    question = linear(worth, areas, power=3)
    found = scored("perturbation_curves", question, question.batch.x, steps=steps)
    reverse = scored("perturbation_curves", question, -question.batch.x, steps=steps)
    assert found["insertion"].item() == pytest.approx(reverse["deletion"].item(), rel=1e-12)
    assert found["relevance_gain"].item() == pytest.approx(-reverse["relevance_gain"].item(), rel=1e-9, abs=1e-12)
    fraction = found["fraction"][0]
    torch.testing.assert_close(fraction, 1 - reverse["fraction"][0].flip(0), rtol=1e-12, atol=1e-12)


def test_more_steps_than_units_are_as_many_as_units(scored: Scored, uneven: Question, maps: Tensor) -> None:
    many, all_units = (scored("perturbation_curves", uneven, maps, steps=steps) for steps in (1000, 7))
    assert all(many[name].nan_to_num(7.5).equal(all_units[name].nan_to_num(7.5)) for name in many)
    assert many["fraction"].shape == (8, 8)


def test_one_step_knows_only_the_two_ends(scored: Scored, uneven: Question, maps: Tensor) -> None:
    found = scored("perturbation_curves", uneven, maps, steps=1)
    batch, gate = uneven.batch, uneven.gate
    middle = (gate.score(batch.x, batch.target) + gate.score(batch.baseline, batch.target)) / 2
    torch.testing.assert_close(found["insertion"], middle, rtol=1e-12, atol=0)
    assert found["relevance_gain"].tolist() == [0.0] * 8
    assert found["fraction"].tolist() == [[0.0, 1.0]] * 8


def test_a_constant_map_has_the_mean_over_all_orders(scored: Scored) -> None:
    """On an additive model any unit adds at each place as often as any other: the expected curve is a straight line."""
    question = linear([4.0, -1.0, 2.0, 0.5, 1.5, 3.0], [1] * 6, samples=1500)
    found = scored("perturbation_curves", question, torch.ones_like(question.batch.x))
    for name in ("insertion", "deletion"):
        values = found[name]
        assert abs(values.mean().item() - 5.0) <= 3 * values.std().item() / 1500**0.5
        assert values.unique().numel() > 100, "the order of ties must be a random one"
    assert found["tied_units"].eq(1).all()


@pytest.mark.parametrize("steps", [2, 3, 4, 16])
@pytest.mark.parametrize("random", [False, True])
def test_gain_of_a_random_order_is_zero_on_average(scored: Scored, steps: int, random: bool) -> None:
    """Whatever the model and the areas: on a cubic one with uneven units, within three standard errors."""
    question = linear([4.0, 1.0, 2.0, 0.5, 1.5], [1, 4, 2, 1, 3], samples=1500, power=3)
    source = torch.Generator().manual_seed(54)
    noise = torch.randn(1500, 11, generator=source, dtype=torch.float64)
    attribution = noise if random else torch.ones(1500, 11, dtype=torch.float64)
    gain = scored("perturbation_curves", question, attribution, steps=steps)["relevance_gain"]
    assert abs(gain.mean().item()) <= 3 * gain.std().item() / 1500**0.5 + 1e-9


def test_gain_of_a_random_order_is_exactly_zero_where_all_units_are_alike(scored: Scored) -> None:
    for units in (24, 25):
        question = linear([1.0] * units, [1] * units, power=3)
        gain = scored("perturbation_curves", question, torch.ones(1, units, dtype=torch.float64))["relevance_gain"]
        assert gain.item() == pytest.approx(0, abs=1e-9 * units**3)


def test_ties_of_uneven_units_are_counted_by_relevance_per_area(scored: Scored) -> None:
    question = linear([1.0, 2.0, 3.0, 4.0], [1, 2, 3, 4])
    assert scored("perturbation_curves", question, torch.ones(1, 10))["tied_units"].tolist() == [1.0]
    halves = torch.tensor([[1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 7.0, 7.0, 7.0, 7.0]])
    assert scored("perturbation_curves", question, halves)["tied_units"].tolist() == [0.5]


def test_normalised_areas_are_undefined_where_the_baseline_scores_like_the_input(scored: Scored) -> None:
    question = linear([2.0, -2.0, 1.0, -1.0], [1] * 4)
    found = scored("perturbation_curves", question, question.batch.x)
    assert found["insertion_normalised"].isnan().all()
    assert found["deletion_normalised"].isnan().all()
    assert found["insertion"].tolist() == [(2 + 3 + 2) / 4]


@pytest.mark.parametrize(("steps", "per_sample"), [(1, 2), (2, 2), (3, 6), (6, 10), (7, 14), (16, 14)])
def test_bills_two_passes_a_cut(uneven: Question, maps: Tensor, steps: int, per_sample: int) -> None:
    asked = Asked(metrics["perturbation_curves"], {"steps": steps})
    cost = score(asked, uneven.gate, uneven.batch, maps, None)[1]
    assert (cost.forward, cost.backward) == (8 * per_sample, 0)
    assert asked.part.passes_of(asked.settings, 7) == (per_sample, 0)


@pytest.mark.parametrize("steps", [1, 5, 16, 64])
def test_bills_twice_the_steps_of_an_even_number_of_units(steps: int) -> None:
    for units in (4, 16, 64):
        assert metrics["perturbation_curves"].passes_of({"steps": steps}, units) == (2 * min(steps, units), 0)


def test_a_finer_picture_with_the_same_units_has_the_same_areas(scored: Scored) -> None:
    """Pitfall 10 of the field: a score must not depend on the resolution."""

    def picture(size: int) -> tuple[Question, Tensor]:
        source = torch.Generator().manual_seed(55)
        coarse, relevance = torch.rand(2, 3, 1, 4, 4, generator=source, dtype=torch.float64)
        x, fine = (each.repeat_interleave(size, 2).repeat_interleave(size, 3) for each in (coarse, relevance))
        batch = Batch(("a", "b", "c"), x / size**2, torch.zeros(3).long(), grid_units(x, size), torch.zeros_like(x))
        return Question(Gate(Network(Sum(2)), "logit"), batch), fine.flatten(1)

    small, large = (scored("perturbation_curves", *picture(size)) for size in (1, 4))
    for name in small:
        torch.testing.assert_close(small[name], large[name], rtol=1e-9, atol=1e-12)


def test_curves_are_kept_as_points_with_both_ends(scored: Scored, uneven: Question, maps: Tensor) -> None:
    found, batch = scored("perturbation_curves", uneven, maps), uneven.batch
    full, empty = (uneven.gate.score(each, batch.target) for each in (batch.x, batch.baseline))
    for name, first, last in (("insertion_curve", empty, full), ("deletion_curve", full, empty)):
        assert found[name][:, 0].equal(first)
        assert found[name][:, -1].equal(last)
    assert (found["fraction"][:, [0, -1]] == torch.tensor([0.0, 1.0])).all()


def test_the_order_of_ties_is_the_samples_own_whatever_its_batch(scored: Scored, uneven: Question) -> None:
    ones = torch.ones(8, 30, dtype=torch.float64)
    together = scored("perturbation_curves", uneven, ones)
    for i in range(8):
        alone = scored("perturbation_curves", replace(uneven, batch=uneven.batch[i : i + 1]), ones[:1])
        torch.testing.assert_close(alone["insertion"], together["insertion"][i : i + 1], rtol=1e-12, atol=0)
