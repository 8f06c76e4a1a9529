"""Regions: what dividers cut, what masks come to, and what a part is handed that is told regions."""

import builtins
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from heatproof.benchmark import (
    Method,
    Metric,
    Refused,
    UnknownName,
    areas,
    at_elements,
    divide,
    dividers,
    grid_units,
    mask_units,
    methods,
    metrics,
    per_unit,
)
from heatproof.benchmark.checks._questions import Question, ask, black_box, pictures
from heatproof.benchmark.game import Game, Memory
from heatproof.benchmark.harness import Asked, explain, score
from heatproof.benchmark.plan import impossible
from heatproof.benchmark.question import tasks
from heatproof.benchmark.regions import Regions, read_regions


def blobs(count: int = 4, side: int = 40) -> Tensor:
    coarse = torch.rand(count, 3, 5, 5, generator=torch.Generator().manual_seed(8))
    return nn.functional.interpolate(coarse, size=(side, side))


def bodies(labels: Tensor) -> list[int]:
    """Return how many regions each picture has, after seeing that they are numbered without a gap."""
    counts = [int(row.max()) + 1 for row in labels]
    assert all(row.unique().tolist() == list(range(count)) for row, count in zip(labels, counts, strict=True))
    return counts


@pytest.mark.parametrize("how", dividers)
def test_a_divider_cuts_each_picture_by_itself_and_whole(how: str) -> None:
    x = blobs()
    labels = divide(x, how)
    assert labels.shape == (4, 1600)
    assert labels.dtype == torch.int64
    bodies(labels)
    assert divide(x[2:3], how).equal(labels[2:3])
    assert divide(x, how).equal(labels)


@pytest.mark.parametrize(("how", "low", "high"), [("slico", 40, 55), ("slic", 10, 55), ("seeds", 16, 50)])
def test_superpixels_come_in_about_the_number_asked_for(how: str, low: int, high: int) -> None:
    counts = bodies(divide(blobs(), how, 50))
    assert all(low <= count <= high for count in counts)
    assert sum(bodies(divide(blobs(), how, 20))) < sum(counts)


def test_superpixels_keep_to_what_they_show() -> None:
    x = torch.zeros(1, 3, 32, 32)
    x[:, :, :, 13:] = 1
    for how, pure in (("slic", 1.0), ("slico", 1.0), ("seeds", 0.95)):
        labels = divide(x, how, 16)
        light = per_unit(x[:, 0].flatten(1), labels)
        assert torch.maximum(light, areas(labels) - light).sum() >= pure * 32 * 32


@pytest.mark.parametrize("how", ["slic", "slico", "seeds", "patches", "pixels"])
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (2, 3, 5, 4), (1, 1, 3, 9)])
def test_a_picture_smaller_than_a_region_is_cut_as_far_as_it_goes(how: str, shape: tuple[int, ...]) -> None:
    x = torch.rand(shape, generator=torch.Generator().manual_seed(2))
    assert all(1 <= count <= shape[2] * shape[3] for count in bodies(divide(x, how)))


def test_black_pixels_belong_to_regions_as_all_others_do() -> None:
    for how in ("slic", "slico", "seeds", "patches"):
        labels = divide(torch.zeros(1, 3, 32, 32), how, 9)
        assert areas(labels).sum() == 32 * 32


def test_patches_are_a_grid_of_at_most_so_many() -> None:
    x = torch.zeros(1, 1, 6, 9)
    rows, columns = (torch.arange(side) * 3 // side for side in (6, 9))
    assert divide(x, "patches", 9)[0].equal((rows[:, None] * 3 + columns).flatten())
    assert divide(x, "patches", 15).equal(divide(x, "patches", 9))
    assert bodies(divide(x, "patches", 1000)) == [54]


def test_one_region_is_the_whole_picture() -> None:
    for how in ("slico", "patches"):
        assert divide(blobs(), how, 1).unique().tolist() == [0]


def test_what_cannot_be_cut_says_so() -> None:
    with pytest.raises(Refused, match=r"only pictures \(N, C, H, W\) can be cut into regions, x has shape \(4, 9\)"):
        divide(torch.rand(4, 9))
    with pytest.raises(ValueError, match="pieces is -3: give from how many regions on, 1 at least"):
        dividers["patches"].function(blobs(), pieces=-3)
    with pytest.raises(UnknownName, match="unknown divider 'slice': known: patches, pixels"):
        divide(blobs(), "slice")
    with pytest.raises(Refused, match="OpenCV may crash on 401 pieces of 40 x 40 pixels: use `slico`"):
        divide(blobs(), "seeds", 401)
    with pytest.raises(Refused, match="OpenCV may crash on 50 pieces of 8 x 40 pixels"):
        divide(blobs()[:, :, :8], "seeds")
    assert divide(torch.rand(4, 9), "pixels").tolist() == [list(range(9))] * 4


def test_seeds_without_opencv_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> object:
        if name == "cv2.ximgproc":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Refused, match="SEEDS needs OpenCV with its contrib modules: pip install opencv-contrib"):
        divide(blobs(), "seeds")


def resolved(masks: Tensor) -> Tensor:
    """Label pixels by masks pair by pair, in plain loops."""
    kept = [{int(p) for p in mask.flatten().nonzero()[:, 0]} for mask in masks]
    for second in range(len(kept)):
        for first in range(second):
            both = kept[first] & kept[second]
            if both and len(both) / len(kept[first]) >= len(both) / len(kept[second]):
                kept[second] -= both
            else:
                kept[first] -= both
    pixels = masks[0].numel()
    kept = [mask for mask in kept if len(mask) / pixels > 0.0005]
    owner = [next((i for i, mask in enumerate(kept) if p in mask), len(kept)) for p in range(pixels)]
    return torch.tensor(owner)


@pytest.mark.parametrize("seed", range(8))
def test_masks_that_overlap_are_resolved_pair_by_pair(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    corners = torch.randint(0, 40, (6, 4), generator=rng)
    masks = torch.zeros(7, 50, 50, dtype=torch.bool)
    for mask, (top, left, height, width) in zip(masks, corners.tolist(), strict=False):
        mask[top : top + height // 2 + 1, left : left + width // 2 + 1] = True
    masks[6, 0, 0] = True  # a single pixel, 0.04 % of the picture
    labels = mask_units(masks)
    expected = resolved(masks)
    for first, second in combinations(range(0, 2500, 37), 2):
        assert (labels[first] == labels[second]) == (expected[first] == expected[second])
    assert bodies(labels[None])[0] == len(expected.unique())


def test_a_mask_within_another_keeps_its_pixels_and_the_rest_is_a_region() -> None:
    masks = torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[0, :3], masks[1, 0, :2] = True, True
    assert mask_units(masks).reshape(4, 4).tolist() == [[1, 1, 0, 0], [0] * 4, [0] * 4, [2] * 4]
    assert mask_units(masks[:0]).tolist() == [0] * 16
    assert mask_units(masks[:1].logical_or(torch.tensor(True))).tolist() == [0] * 16


def test_masks_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match=r"masks are torch.float32 of shape \(2, 4, 4\); expected torch.bool"):
        mask_units(torch.zeros(2, 4, 4))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("slicco", "unknown regions 'slicco': did you mean slico or slic"),
        ("slico:x", "'x' is no number of regions: write, for instance, slico:50"),
        ("slico:0", "'0' is no number of regions"),
        ("pixels:3", "pixels takes no number"),
        ("oracle:3", "oracle sees the truth, which no other method may"),
    ],
)
def test_regions_that_are_not_to_be_had_are_refused_before_anything_runs(words: str, message: str) -> None:
    with pytest.raises((ValueError, UnknownName), match=message):
        Asked(methods["smdl"], {"regions": words})


def test_no_divider_has_the_name_of_a_method() -> None:
    assert not set(dividers) & set(methods)


def test_a_layer_has_no_regions() -> None:
    with pytest.raises(ValueError, match="choose between `layer` and `regions`"):
        Asked(methods["smdl[regions=slico,layer=features.2]"], {})


def question() -> Question:
    """Pictures of several sizes of regions, asked about in the small convolutional network."""
    asked = pictures()
    x = nn.functional.interpolate(torch.rand(5, 3, 3, 3, generator=torch.Generator().manual_seed(8)), size=(16, 16))
    return replace(asked, batch=replace(asked.batch, x=x, truth=None))


@pytest.mark.parametrize("name", ["smdl", "leave_one_out", "kernel_shap[budget=60]"])
def test_told_regions_a_method_explains_as_if_they_were_the_units(name: str) -> None:
    asked, part = question(), methods[name]
    own = divide(asked.batch.x, "slic", 9)
    assert len(set(bodies(own))) > 1, "pictures differ in their number of regions"
    told, cost = explain(Asked(part, {"regions": "slic:9"}), asked.gate, asked.batch)
    known, bill = explain(Asked(part, {}), asked.gate, replace(asked.batch, units=own))
    assert told.equal(known)
    assert cost.forward == bill.forward


def test_a_metric_told_regions_scores_as_if_they_were_the_units() -> None:
    asked = question()
    maps = torch.rand(5, 256, generator=torch.Generator().manual_seed(4)).double()
    part = metrics["perturbation_curves"]
    told, _ = score(Asked(part, {"regions": "slic:9"}), asked.gate, asked.batch, maps, None)
    units = divide(asked.batch.x, "slic", 9)
    known, _ = score(Asked(part, {}), asked.gate, replace(asked.batch, units=units), maps, None)
    assert all(told[name].nan_to_num().equal(known[name].nan_to_num()) for name in known)
    usual, _ = score(Asked(part, {}), asked.gate, asked.batch, maps, None)
    assert not usual["insertion"].equal(told["insertion"])


def test_memory_keeps_games_of_other_units_apart() -> None:
    """The same coalitions of sixteen patches and of sixteen rows are no one's but their own."""
    asked, memory = question(), Memory()
    kept = torch.eye(16, dtype=torch.bool).expand(5, -1, -1)
    rows = torch.arange(16).repeat_interleave(16).expand(5, -1)
    for units in (asked.batch.units, rows):
        batch = replace(asked.batch, units=units)
        shared = Game(asked.gate, batch, memory=memory).scores(kept)
        assert shared.equal(Game(asked.gate, batch).scores(kept))


def test_a_metric_judges_no_method_on_the_regions_of_another() -> None:
    with pytest.raises(ValueError, match="judges maps on the task's units or those of a divider"):
        Asked(metrics["perturbation_curves"], {"regions": "gradient:4"})

    def repeated(game: Game, explain: Callable[..., Tensor]) -> Tensor:
        """The worth of a second explanation."""
        return game.full * explain().sum(1)

    with pytest.raises(ValueError, match="repeated judges maps on the task's units"):
        Asked(Metric(repeated), {"regions": "slico"})


def test_a_prior_puts_the_most_relevant_units_together() -> None:
    """Eight columns whose relevance per area is known; groups of three, three and two, or of two each."""
    values, units = torch.tensor([[5.0, 1, 8, 2, 7, 3, 6, 4]]), torch.arange(8)[None]
    order = values[0].argsort(descending=True)
    for pieces in (1, 2, 3, 4, 8):
        groups = Regions(methods["gradient"], pieces).grouped(["a"], values, units)[0]
        sizes = groups.bincount()
        assert groups[order].tolist() == sorted(groups.tolist())
        assert len(sizes) == pieces
        assert sizes.max() - sizes.min() <= 1
    assert Regions(methods["gradient"]).grouped(["a"], values, units)[0][order].tolist() == [0] * 4 + [1] * 4
    with pytest.raises(Refused, match="8 units cannot be put into 9 groups"):
        Regions(methods["gradient"], 9).grouped(["a"], values, units)


def test_a_prior_ranks_by_relevance_per_area_and_leaves_what_is_never_hidden() -> None:
    values = torch.tensor([[3.0, 3.0, 4.0, 9.0]])
    units = torch.tensor([[0, 0, 1, -1]])
    assert Regions(methods["gradient"], 2).grouped(["a"], values, units).tolist() == [[1, 1, 0, -1]]


def test_with_a_prior_a_method_explains_groups_of_units_and_pays_for_both() -> None:
    asked = question()
    told, cost = explain(Asked(methods["smdl[regions=gradient:4]"], {}), asked.gate, asked.batch)
    prior, first = explain(Asked(methods["gradient"], {}), asked.gate, asked.batch)
    density = per_unit(prior, asked.batch.units) / areas(asked.batch.units)
    place = density.argsort(dim=1, descending=True).argsort(1)
    groups = at_elements(place // 4, asked.batch.units)
    known, bill = explain(Asked(methods["smdl"], {}), asked.gate, replace(asked.batch, units=groups))
    assert told.equal(known)
    assert (cost.forward, cost.backward) == (first.forward + bill.forward, first.backward)
    assert Asked(methods["smdl[regions=gradient:4]"], {}).passes(16) == (cost.forward / 5, cost.backward / 5)


def test_the_bill_follows_the_regions() -> None:
    assert Asked(methods["smdl[regions=patches:9]"], {}).passes(64) == (90, 0)
    assert Asked(methods["smdl[regions=slico]"], {}).passes(64) == (50 * 51, 0)
    assert Asked(methods["smdl[regions=pixels]"], {}).passes(64) == (64 * 65, 0)
    assert Asked(methods["smdl[regions=gradient]"], {}).passes(64) == (16 * 17 + 1, 1)
    assert Asked(methods["smdl"], {}).passes(64) == (64 * 65, 0)

    def untold(game: Game) -> Tensor:
        """All scores."""
        return game.full[:, None] + game.units

    assert Asked(Method(untold), {"regions": "slico"}).passes(64) is None


def test_a_prior_that_the_model_cannot_answer_makes_a_cell_impossible() -> None:
    task = tasks["cancer_groups@breast_cancer_boosting"]
    asked = Asked(methods["smdl[regions=gradient:4]"], {})
    assert asked.prior is not None
    parts = [asked.prior.part, asked.part]
    reason = impossible(task, parts, metrics["sparseness"])
    assert reason == "gradient needs a Differentiable model, this one is only BlackBox"
    with pytest.raises(Refused, match="needs a Differentiable model"):
        explain(asked, black_box().gate, black_box().batch)


def test_regions_of_a_stochastic_prior_repeat() -> None:
    asked = question()
    part = Asked(methods["smdl[regions=kernel_shap[budget=40]:4]"], {}, seed=3)
    first, second = (explain(part, asked.gate, asked.batch)[0] for _ in range(2))
    assert first.equal(second)
    alone = torch.cat([explain(part, asked.gate, asked.batch[i : i + 1])[0] for i in range(5)])
    torch.testing.assert_close(alone, first, rtol=1e-6, atol=1e-9)


def test_regions_are_read_as_they_are_written() -> None:
    assert read_regions("slico:25").pieces == 25
    assert read_regions("slico").count(64) == 50
    assert read_regions("hsic[budget=100]:16").prior == methods["hsic[budget=100]"]
    assert methods["smdl[regions=slico:25]"].name == "smdl[regions=slico:25]"


def test_a_grid_of_the_task_is_what_patches_cut() -> None:
    asked = ask(lambda x: x.flatten(1).sum(1), torch.rand(2, 3, 16, 16))
    assert divide(asked.batch.x, "patches", 16).equal(grid_units(asked.batch.x, 4))
