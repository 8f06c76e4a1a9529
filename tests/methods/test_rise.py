"""RISE against masks that are made one by one, and against what it must be on average."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from heatproof.benchmark import Refused, Rng, methods, tasks
from heatproof.benchmark.checks._questions import Question, ask, pictures, table


def found(question: Question, rng: Rng, **settings: float) -> Tensor:
    batch = question.batch
    maps: Tensor = methods["rise"].function(question.gate, batch.x, batch.target, batch.baseline, rng, **settings)
    return maps


def masks_of(seed: int, sides: tuple[int, int], cells: int, share: float, budget: int) -> Tensor:
    """The paper's masks, one after the other: a grid, enlarged to one cell more a side, and cut out."""
    rng = Rng([seed])
    grids, corners = rng.uniform(budget, cells, cells)[0] < share, rng.uniform(budget, 2)[0]
    height, width = (-(-side // cells) for side in sides)
    masks = []
    for grid, corner in zip(grids.double(), corners.tolist(), strict=True):
        large = interpolate(grid[None, None], size=((cells + 1) * height, (cells + 1) * width), mode="bilinear")[0, 0]
        down, right = int(corner[0] * height), int(corner[1] * width)
        masks.append(large[down : down + sides[0], right : right + sides[1]])
    return torch.stack(masks)


@pytest.mark.parametrize(("cells", "share"), [(7, 0.5), (3, 0.2)])
def test_is_the_papers_sum_over_the_papers_masks(cells: int, share: float) -> None:
    question = pictures()
    batch = question.batch
    maps = found(question, Rng(range(5)), budget=30, cells=cells, share=share)
    for i, target in enumerate(batch.target):
        total = torch.zeros(16, 16).double()
        for mask in masks_of(i, (16, 16), cells, share, 30):
            mixed = batch.x[i] * mask + batch.baseline[i] * (1 - mask)
            total += mask * question.gate.score(mixed[None].float(), target[None]).item()
        torch.testing.assert_close(maps[i], (total / (30 * share)).flatten(), rtol=1e-5, atol=1e-7)


def test_masks_are_cut_from_oblong_pictures_and_keep_their_share_everywhere() -> None:
    x = torch.rand(1, 2, 9, 20, generator=torch.Generator().manual_seed(1))
    # Where the score is always 1, the map is the mean mask by its share.
    question = ask(lambda x: x.sum((1, 2, 3)) * 0 + 1, x)
    maps = found(question, Rng([3]), budget=4000)
    torch.testing.assert_close(maps[0], masks_of(3, (9, 20), 7, 0.5, 4000).mean(0).flatten() / 0.5)
    assert ((maps - 1).abs() <= 5 * 0.5 / 4000**0.5 / 0.5).all()


def test_of_a_table_is_in_closed_form_on_average() -> None:
    weight = torch.tensor([3.0, -1.0, 0.0, 2.0]).double()
    question = ask(lambda x: x.double() @ weight, torch.ones(200, 4))
    maps = found(question, Rng(range(200)), budget=400, share=0.25)
    # Of the units that are always kept the whole is seen, of the others a quarter.
    expected = weight + 0.25 * (weight.sum() - weight)
    error = maps.std(0) / 200**0.5
    assert ((maps.mean(0) - expected).abs() <= 4 * error).all()


def test_what_speaks_against_the_target_lies_below_what_does_nothing() -> None:
    """The mean score with a unit kept tells signs, whatever is added to it: a log odds below 0 gives values below 0."""
    task = tasks["linear_concepts"]
    batch = task.questions("test", 8)
    assert batch.truth is not None
    maps = methods["rise"].function(task.gate(), batch.x, batch.target, batch.baseline, Rng(range(8)))
    assert methods["rise"].signed
    assert (maps < 0).any()
    known = torch.stack([maps, batch.truth.values["shapley"]], 1)
    assert min(torch.corrcoef(pair)[0, 1] for pair in known) > 0.95


def test_of_a_table_equals_a_slow_loop() -> None:
    question = table()
    batch, maps = question.batch, found(table(), Rng(range(5)), budget=20)
    for i, target in enumerate(batch.target):
        total = torch.zeros(8).double()
        for kept in Rng([i]).uniform(20, 8)[0] < 0.5:
            mixed = torch.where(kept, batch.x[i], batch.baseline[i])
            total += kept.double() * question.gate.score(mixed[None], target[None]).item()
        torch.testing.assert_close(maps[i], total / (20 * 0.5), rtol=1e-6, atol=1e-9)


def test_refuses_no_budget_and_settings_without_sense() -> None:
    with pytest.raises(Refused, match="a budget of 0 passes is too small: rise needs at least 1"):
        found(pictures(), Rng(range(5)), budget=0)
    for settings in ({"cells": 0}, {"share": 0.0}, {"share": 1.5}):
        with pytest.raises(ValueError, match="give cells from 1, and a share above 0 and up to 1"):
            found(pictures(), Rng(range(5)), **settings)


def test_tokens_are_not_faded() -> None:
    question = ask(lambda x: x.double().sum((1, 2, 3)), torch.ones(1, 1, 4, 4, dtype=torch.int64))
    with pytest.raises(Refused, match="tokens are there or not"):
        found(question, Rng([0]), budget=4)
