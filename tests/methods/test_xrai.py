"""XRAI against the greedy choice in plain loops, scikit-image's segments by hand, and the mean of its parts."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from skimage.morphology import dilation, disk
from skimage.segmentation import felzenszwalb
from skimage.transform import resize

from heatproof.benchmark import Refused, methods
from heatproof.benchmark.checks._questions import Question, pictures
from heatproof.benchmark.harness import Asked, explain
from heatproof.methods.paths._regions import densities, regions

Ask = Callable[..., Question]


def greedy(relevance: list[float], masks: list[set[int]], fewest: int) -> list[float]:
    """Take the region whose new elements have the largest mean, until none has enough of them."""
    found: dict[int, float] = {}
    left = list(masks)
    while left := [mask for mask in left if len(mask - found.keys()) >= fewest]:
        gains = [sum(relevance[i] for i in mask - found.keys()) / len(mask - found.keys()) for mask in left]
        best = gains.index(max(gains))
        found.update(dict.fromkeys(left[best] - found.keys(), gains[best]))
        del left[best]
    rest = [i for i in range(len(relevance)) if i not in found]
    return [found.get(i, sum(relevance[j] for j in rest) / max(len(rest), 1)) for i in range(len(relevance))]


@pytest.mark.parametrize("seed", range(5))
def test_densities_are_the_greedy_choice(seed: int) -> None:
    stream = torch.Generator().manual_seed(seed)
    relevance = torch.randn(400, generator=stream, dtype=torch.float64)
    masks = torch.rand(30, 400, generator=stream) < torch.rand(30, 1, generator=stream)
    masks[:, ::7] = False
    sets = [set(row.nonzero()[:, 0].tolist()) for row in masks]
    expected = greedy(relevance.tolist(), sets, 50)
    assert densities(relevance, masks).tolist() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_densities_keep_the_sum() -> None:
    stream = torch.Generator().manual_seed(6)
    relevance = torch.randn(400, generator=stream, dtype=torch.float64)
    for masks in (torch.rand(20, 400, generator=stream) < 0.3, torch.zeros(1, 400, dtype=torch.bool)):
        assert densities(relevance, masks).sum().item() == pytest.approx(relevance.sum().item(), rel=1e-9)


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 20, 31), (2, 60, 230)])
def test_regions_are_felzenszwalbs_segments_at_all_scales(shape: tuple[int, int, int]) -> None:
    picture = torch.rand(shape, generator=torch.Generator().manual_seed(2))
    picture[:, : shape[1] // 2] *= 0.3
    unit = picture.double().numpy().transpose(1, 2, 0)
    unit = (unit - unit.min()) / (unit.max() - unit.min()) * 2 - 1
    large = resize(unit, (224, 224), order=3, mode="constant", anti_aliasing=True)
    expected = []
    for scale in (50, 100, 150, 250, 500, 1200):
        labels = felzenszwalb(large, scale=scale, sigma=0.8, min_size=150)
        small = resize(labels, shape[1:], order=0, preserve_range=True, mode="edge", anti_aliasing=False).astype(int)
        expected += [
            dilation(small == label, disk(5)).flatten() for label in range(labels.max() + 1) if (small == label).any()
        ]
    assert regions(picture).numpy().tolist() == np.stack(expected).tolist()


def test_a_flat_picture_is_one_region() -> None:
    for value in (0.0, 0.4):
        masks = regions(torch.full((3, 16, 16), value))
        assert masks.shape == (6, 256)
        assert masks.all()


def test_is_the_densities_of_integrated_gradients_from_black_and_white() -> None:
    question = pictures()
    x, target = question.batch.x, question.batch.target
    ig = methods["integrated_gradients"].function
    ends = [ig(question.gate, x, target, torch.full_like(x, value), budget=10) for value in (0.0, 1.0)]
    relevance = ((ends[0] + ends[1]) / 2).amax(1).flatten(1)
    maps = methods["xrai"].function(question.gate, x, target, budget=20)
    assert maps.shape == (len(x), 1, 16, 16)
    for picture, row, found in zip(x, relevance, maps.flatten(1), strict=True):
        sets = [set(mask.nonzero()[:, 0].tolist()) for mask in regions(picture)]
        assert found.tolist() == pytest.approx(greedy(row.tolist(), sets, 50), rel=1e-6, abs=1e-9)


def test_adds_up_to_the_largest_channel_of_every_pixel(smooth: Ask) -> None:
    question = smooth()
    x, target = question.batch.x, question.batch.target
    ig = methods["integrated_gradients"].function
    ends = [ig(question.gate, x, target, torch.full_like(x, value), budget=100) for value in (0.0, 1.0)]
    largest = torch.maximum(*((ends[0] + ends[1]) / 2).unbind(1))
    maps = methods["xrai"].function(question.gate, x, target)
    torch.testing.assert_close(maps.flatten(1).sum(1), largest.flatten(1).sum(1), rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize(("budget", "billed"), [(2, 2), (9, 8), (200, 200)])
def test_bills_both_baselines(smooth: Ask, budget: int, billed: int) -> None:
    question = smooth()
    cost = explain(Asked(methods["xrai"], {"budget": budget}), question.gate, question.batch)[1]
    assert (cost.forward, cost.backward) == (4 * billed, 4 * billed)


def test_refuses_tables_and_a_budget_for_one_baseline(smooth: Ask, additive: Ask) -> None:
    flat, question = additive(pictures=False), smooth()
    with pytest.raises(Refused, match="xrai needs pictures"):
        explain(Asked(methods["xrai"], {}), flat.gate, flat.batch)
    with pytest.raises(Refused, match="xrai needs at least 2"):
        explain(Asked(methods["xrai"], {"budget": 1}), question.gate, question.batch)
