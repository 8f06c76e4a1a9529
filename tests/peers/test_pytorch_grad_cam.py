"""The metrics of pytorch-grad-cam: what they give, and what they do not."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Refused
from heatproof.benchmark.checks._questions import Question

cam = pytest.importorskip("pytorch_grad_cam.metrics.perturbation_confidence", reason="grad-cam is not installed")

Scored = Callable[..., Tensor]
Maps = Callable[[Question], Tensor]


@pytest.mark.parametrize("name", ["drop_in_confidence", "increase_in_confidence"])
def test_multiplied_pictures_are_ours(name: str, pictures: Question, maps: Maps, theirs: Scored, ours: Scored) -> None:
    name, here = f"pytorch_grad_cam.{name}", maps(pictures)
    torch.testing.assert_close(
        theirs(name, pictures, here), ours(name, pictures, here), rtol=1e-5, atol=1e-6, equal_nan=True
    )


def test_another_baseline_than_zero_is_refused(pictures: Question, maps: Maps, theirs: Scored) -> None:
    batch = replace(pictures.batch, baseline=torch.full_like(pictures.batch.x, 0.5))
    with pytest.raises(Refused, match="hides with 0 only"):
        theirs("pytorch_grad_cam.drop_in_confidence", replace(pictures, batch=batch), maps(pictures))


def test_tables_are_refused(table: Question, maps: Maps, theirs: Scored) -> None:
    with pytest.raises(Refused, match="pictures only"):
        theirs("pytorch_grad_cam.road_combined", table, maps(table))


def test_road_gap_is_the_difference_of_both_orders(pictures: Question, maps: Maps, theirs: Scored) -> None:
    """But for the noise, which is small."""
    here = maps(pictures)
    names = ("road_combined", "road_lerf", "road_morf")
    with torch.random.fork_rng():
        torch.manual_seed(66)
        gap, last, first = (theirs(f"pytorch_grad_cam.{name}", pictures, here) for name in names)
    torch.testing.assert_close(gap, last - first, rtol=0, atol=0.02)


@pytest.mark.parametrize("percentile", [10, 50, 90])
def test_a_map_of_mostly_zeros_loses_every_pixel_at_any_share(percentile: int) -> None:
    """Its threshold on relevance takes what is tied all at once: 94 % of zeros are below no threshold."""
    shown = torch.zeros(16, 16)
    shown[:4, :4] = torch.rand(4, 4, generator=torch.Generator().manual_seed(65)) + 0.1
    kept: list[Tensor] = []
    remove = cam.RemoveMostRelevantFirst(percentile, lambda picture, mask: kept.append(mask) or picture)
    remove(torch.rand(3, 16, 16), shown)
    assert int(kept[0].sum()) == 0
