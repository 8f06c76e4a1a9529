"""Masks that are learned, against plain loops of the papers' formulas, one sample after the other."""

from collections.abc import Callable
from math import ceil, exp, hypot
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from heatproof.benchmark import Refused, Rng, imputers, methods
from heatproof.benchmark.checks._questions import Question, ask, pictures, table
from heatproof.benchmark.harness import Asked, explain
from heatproof.methods.perturbation._area import beyond, smoothed
from heatproof.methods.perturbation._moves import moved, moves

Ask = Callable[..., Question]
LEARNED = ("meaningful_perturbation", "extremal_perturbation")


def found(name: str, question: Question, **settings: Any) -> Tensor:
    batch, part = question.batch, methods[name]
    draws = [Rng(range(len(batch)))] if part.stochastic else []
    maps: Tensor = part.function(question.gate, batch.x, batch.target, batch.baseline, *draws, **settings)
    return maps


def one(question: Question, i: int) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """Return a sample, its baseline, and its score in the unit of its change, straight from the network."""
    x, baseline, target = question.batch.x[i : i + 1], question.batch.baseline[i : i + 1], question.batch.target[i]

    def score(seen: Tensor) -> Tensor:
        answer: Tensor = question.gate.module(seen).softmax(1)[0, target]
        return answer

    change = (score(x) - score(baseline)).abs().detach()
    return x, baseline, lambda seen: score(seen) / change


def moved_by_hand(picture: Tensor, down: int, right: int) -> Tensor:
    height, width = picture.shape[2:]
    rows = [min(max(row - down, 0), height - 1) for row in range(height)]
    columns = [min(max(column - right, 0), width - 1) for column in range(width)]
    return picture[:, :, rows][:, :, :, columns]


def test_a_deletion_mask_is_the_papers_descent_by_adam(smooth: Ask) -> None:
    question, steps = smooth(), 12
    maps = found("meaningful_perturbation", question, budget=steps + 2, cell=2)
    assert maps.shape == (4, 1, 4, 6)
    for i in range(4):
        x, baseline, score = one(question, i)
        shifts = (Rng([i]).integers(3, steps, 2) - 1)[0].tolist()
        mask = torch.full((1, 1, 2, 3), 0.5, dtype=torch.float64)
        first, second = torch.zeros_like(mask), torch.zeros_like(mask)
        for step in range(steps):
            mask.requires_grad_()
            large = interpolate(mask, size=(4, 6), mode="bilinear")
            seen = large * moved_by_hand(x, *shifts[step]) + (1 - large) * moved_by_hand(baseline, *shifts[step])
            down, right = mask[:, :, 1:] - mask[:, :, :-1], mask[:, :, :, 1:] - mask[:, :, :, :-1]
            rough = (down.abs() ** 3).sum() + (right.abs() ** 3).sum()
            loss = score(seen) + 1e-4 * 784 * (1 - mask).mean() + 1e-2 * rough
            (slope,) = torch.autograd.grad(loss, mask)
            first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
            ready = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
            mask = (mask.detach() - 0.1 * ready[0] / (ready[1].sqrt() + 1e-8)).clamp(0, 1)
        expected = 1 - interpolate(mask, size=(4, 6), mode="bilinear")
        torch.testing.assert_close(maps[i : i + 1], expected, rtol=1e-6, atol=1e-8)


def smoothed_by_hand(mask: Tensor) -> Tensor:
    """The soft maximum around every cell, by loops."""
    height, width = mask.shape[2:]
    spread = 21 / 224 * min(height, width)
    reach = 1 + ceil(spread)
    rows = []
    for row in range(height):
        for column in range(width):
            around = []
            for down in range(-reach, reach + 1):
                for right in range(-reach, reach + 1):
                    weight = exp(-2 * max(0.0, hypot(down, right) / spread - 0.5) ** 2)
                    at = min(max(row + down, 0), height - 1), min(max(column + right, 0), width - 1)
                    around.append(weight * mask[0, 0, at[0], at[1]])
            near = torch.stack(around)
            rows.append((near * (20 * near).softmax(0)).sum())
    return torch.stack(rows).reshape(1, 1, height, width)


def test_smoothing_is_a_soft_maximum_around_every_cell() -> None:
    mask = torch.rand(1, 1, 7, 12, generator=torch.Generator().manual_seed(1)).double()
    torch.testing.assert_close(smoothed(mask), smoothed_by_hand(mask), rtol=1e-12, atol=1e-14)


def test_an_extremal_mask_is_the_papers_ascent_with_the_area_as_a_bound(smooth: Ask) -> None:
    question, steps, areas = smooth(), 6, (0.25, 0.5)
    maps = found("extremal_perturbation", question, budget=2 + 2 * steps + 1, areas=areas)
    for i in range(4):
        x, baseline, score = one(question, i)
        masks = []
        for area in areas:
            mask, speed = torch.full((1, 1, 4, 6), 0.5, dtype=torch.float64), torch.tensor(0.0)
            for step in range(steps):
                visible = smoothed_by_hand(mask.requires_grad_())
                wanted = [0.0] * (24 - round(24 * area)) + [1.0] * round(24 * area)
                ordered = visible.flatten().sort(stable=True).values
                excess = (ordered - torch.tensor(wanted).double()).square().mean()
                loss = (15 * 16 ** (step / steps) * excess if step else 0) - score(
                    visible * x + (1 - visible) * baseline
                )
                (slope,) = torch.autograd.grad(loss, mask)
                speed = 0.9 * speed + 0.1 * slope if step else slope
                mask = (mask.detach() - 0.2 * speed).clamp(0, 1)
            masks.append(smoothed_by_hand(mask))
        torch.testing.assert_close(maps[i : i + 1], sum(masks) / 2, rtol=1e-6, atol=1e-8)


def test_masks_of_tables_have_neither_cells_nor_neighbours(additive: Ask) -> None:
    question = additive(pictures=False)
    order = [3, 0, 5, 1, 4, 2]
    batch = question.batch
    for name in LEARNED:
        straight = found(name, question, budget=20)
        part, draws = methods[name], [Rng(range(4))] if methods[name].stochastic else []
        column = ask(lambda x: question.gate.module(x[:, torch.tensor(order).argsort()]), batch.x[:, order])
        mixed = part.function(column.gate, batch.x[:, order], batch.target, batch.baseline[:, order], *draws, budget=20)
        torch.testing.assert_close(mixed, straight[:, order], rtol=1e-6, atol=1e-9)


def planted() -> Question:
    """The score is the brightness of a square of an oblong picture; the rest distracts."""
    x = 0.5 + 0.5 * torch.rand(3, 1, 16, 24, generator=torch.Generator().manual_seed(2))
    return ask(lambda x: x[:, 0, 4:10, 12:18].mean((1, 2)) + 0 * x.sum((1, 2, 3)), x)


def test_deletes_the_planted_square_and_fades_out_around_it() -> None:
    maps = found("meaningful_perturbation", planted())[:, 0]
    inside = maps[:, 5:9, 13:17]
    assert (inside.mean((1, 2)) >= 0.9).all()
    assert (maps[:, :, 0].amax(1) <= 0.2).all()
    assert (maps.mean((1, 2)) <= 0.65).all()


def test_shows_the_planted_square_on_the_area_asked_for() -> None:
    maps = found("extremal_perturbation", planted(), areas=(0.15,), budget=402)[:, 0]
    assert (maps.mean((1, 2)) - 0.15).abs().max() <= 0.05
    assert (maps[:, 5:9, 13:17].mean((1, 2)) >= 0.9).all()
    assert (maps[:, :, :6].amax((1, 2)) <= 0.2).all()


@pytest.mark.parametrize("name", LEARNED)
def test_says_the_same_whatever_the_unit_of_the_score(name: str) -> None:
    small, x = planted(), planted().batch.x
    large = ask(lambda x: 1000 * x[:, 0, 4:10, 12:18].mean((1, 2)) + 0 * x.sum((1, 2, 3)), x)
    torch.testing.assert_close(found(name, large, budget=42), found(name, small, budget=42), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", LEARNED)
def test_deletion_by_blur_is_the_task_with_a_blurred_baseline(name: str, smooth: Ask) -> None:
    question = smooth()
    batch = question.batch
    draws = [Rng(range(4))] if methods[name].stochastic else []
    blurred = imputers["blur"].function(batch.x)
    expected = methods[name].function(question.gate, batch.x, batch.target, blurred, *draws, budget=12)
    assert found(name, question, budget=12, deletion="blur").equal(expected)


@pytest.mark.parametrize("name", LEARNED)
def test_refuses_what_has_no_blur_no_budget_or_an_unknown_deletion(name: str) -> None:
    with pytest.raises(Refused, match="has no neighbouring pixels"):
        found(name, table(), deletion="blur")
    with pytest.raises(Refused, match=f"a budget of 2 passes is too small: {name} needs at least 3"):
        found(name, pictures(), budget=2)
    with pytest.raises(ValueError, match="deletion 'noise' is unknown; choose one of baseline, blur"):
        found(name, pictures(), deletion="noise")


def test_refuses_cells_and_areas_without_sense() -> None:
    with pytest.raises(ValueError, match="cell is 0: give the pixels of a cell, from 1"):
        found("meaningful_perturbation", pictures(), cell=0)
    for areas in ((), (0.0, 0.1), (1.0,)):
        with pytest.raises(ValueError, match="give shares of the input between 0 and 1, at least one"):
            found("extremal_perturbation", pictures(), areas=areas)


@pytest.mark.parametrize(
    ("name", "settings", "billed"),
    [
        ("meaningful_perturbation", {"budget": 12}, (12, 10)),
        ("extremal_perturbation", {"budget": 12}, (12, 10)),
        ("extremal_perturbation", {"budget": 13, "areas": (0.1, 0.2)}, (12, 10)),
        ("extremal_perturbation", {"budget": 12, "areas": [0.1, 0.2, 0.3]}, (11, 9)),
    ],
)
def test_bills_its_steps_and_the_two_ends(name: str, settings: dict[str, Any], billed: tuple[int, int]) -> None:
    question = pictures()
    cost = explain(Asked(methods[name], settings), question.gate, question.batch)[1]
    assert (cost.forward, cost.backward) == (5 * billed[0], 5 * billed[1])
    assert methods[name].passes_of(settings, 16) == billed


def test_beyond_is_the_distance_from_the_nearest_mask_of_the_area() -> None:
    area = torch.tensor([0.25, 0.5, 0.01]).double()
    mask = torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.5, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.2]]).double()
    assert beyond(mask, area).tolist() == pytest.approx([0.0, 0.25 / 4, 0.64 / 4])


def test_beyond_shares_the_area_among_tied_elements() -> None:
    area = torch.tensor([0.25, 0.5, 0.5]).double()
    mask = torch.tensor([[0.5] * 4, [0.5] * 4, [0.0, 1.0, 1.0, 1.0]]).double()
    assert beyond(mask, area).tolist() == pytest.approx([0.25**2, 0.0, 3 * (1 / 3) ** 2 / 4])


def test_moves_are_pixels_up_to_a_share_of_the_side() -> None:
    drawn = moves(Rng([1, 2]), (224, 300), 2000)
    assert drawn.shape == (2, 2000, 2)
    assert drawn.unique().tolist() == list(range(-4, 5))
    assert moves(Rng([1]), (16, 16), 100).unique().tolist() == [-1, 0, 1]
    assert moves(Rng([1]), (), 100).shape == (1, 100, 0)


def test_a_moved_picture_repeats_its_border() -> None:
    x = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(1))
    both = moved(x, torch.tensor([[2, -1], [0, 3]]))
    assert both[:1].equal(moved_by_hand(x[:1], 2, -1))
    assert both[1:].equal(moved_by_hand(x[1:], 0, 3))


@pytest.mark.parametrize("name", LEARNED)
def test_the_unit_of_scores_changes_nothing(name: str) -> None:
    """Weights are in the unit of the score's change, however small the score is."""
    x = torch.rand(2, 6, generator=torch.Generator().manual_seed(7), dtype=torch.float64)

    def maps(size: float) -> Tensor:
        asked = ask(lambda x: size * (x @ torch.arange(6).double()).square(), x)
        return found(name, asked, budget=26)

    expected = maps(1.0)
    assert expected.std() > 0
    for size in (1e-9, 1e9):
        torch.testing.assert_close(maps(size), expected, rtol=1e-6, atol=1e-9)
