"""The metrics that look for relevance where the truth is, against scikit-learn, NumPy and loops."""

from math import hypot

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from heatproof.benchmark import Refused, metrics

COUNT, ELEMENTS = 40, 30


def drawn(rounded: bool, known: float = 0.8) -> tuple[Tensor, Tensor, Tensor]:
    """Draw maps, with ties or without, the truth and what is impossible."""
    source = torch.Generator().manual_seed(101)
    values = torch.randn(COUNT, ELEMENTS, generator=source, dtype=torch.float64)
    truth = torch.rand(COUNT, ELEMENTS, generator=source) < 0.3
    asked = torch.rand(COUNT, ELEMENTS, generator=source) < known
    return (2 * values).round() if rounded else values, truth & asked, ~truth & asked


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize(
    ("name", "theirs"), [("localisation_auc", roc_auc_score), ("auprc", average_precision_score)], ids=["auc", "auprc"]
)
def test_is_scikit_learns(name: str, theirs: object, rounded: bool) -> None:
    maps, truth, impossible = drawn(rounded)
    found = metrics[name].function(maps, truth, impossible)
    assert callable(theirs)
    for i in range(COUNT):
        asked = truth[i] | impossible[i]
        expected = theirs(truth[i, asked].numpy(), maps[i, asked].numpy())
        assert found[i].item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["localisation_auc", "auprc"])
def test_maps_of_any_memory_layout_are_read(name: str) -> None:
    maps, truth, impossible = drawn(rounded=True)
    turned = maps.t().contiguous().t()
    assert metrics[name].function(turned, truth, impossible).equal(metrics[name].function(maps, truth, impossible))


@pytest.mark.parametrize("share", [0.05, 0.1, 0.33, 1.0])
def test_top_k_intersection_is_that_of_a_sorted_list(share: float) -> None:
    maps, truth, impossible = drawn(rounded=False)
    found = metrics["top_k_intersection"].function(maps, truth, impossible, share=share)
    for i in range(COUNT):
        asked = [(-float(maps[i, e]), bool(truth[i, e])) for e in range(ELEMENTS) if truth[i, e] or impossible[i, e]]
        k = max(1, round(share * len(asked)))
        assert found[i].item() == pytest.approx(sum(true for _, true in sorted(asked)[:k]) / k, rel=1e-12)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, 1000])
def test_top_k_intersection_takes_a_share(share: float) -> None:
    with pytest.raises(ValueError, match=f"share is {share}; expected a number above 0, at most 1"):
        metrics["top_k_intersection"].function(*drawn(rounded=False), share=share)


@pytest.mark.parametrize("tolerance", [1, 1.5, 2, 3, 15])
def test_pointing_game_tolerates_what_a_loop_finds_near(tolerance: float) -> None:
    maps, truth, _ = drawn(rounded=False, known=1.0)
    truth = truth & (torch.arange(ELEMENTS) % 4 == 0)
    found = metrics["pointing_game"].function(maps, truth, ~truth, torch.zeros(COUNT, 3, 5, 6), tolerance=tolerance)
    for i in range(COUNT):
        row, column = divmod(int(maps[i].argmax()), 6)
        near = [hypot(row - e // 6, column - e % 6) for e in truth[i].nonzero()[:, 0].tolist()]
        if near:
            assert found[i].item() == float(min(near) == 0 or min(near) < tolerance)
        else:
            assert found[i].isnan()


def test_pointing_game_has_no_tolerance_in_a_table() -> None:
    maps, truth, impossible = drawn(rounded=False)
    with pytest.raises(Refused, match=r"a tolerance is in pixels of a picture .* x has shape \(40, 30\)"):
        metrics["pointing_game"].function(maps, truth, impossible, torch.zeros(COUNT, ELEMENTS), tolerance=2)


@pytest.mark.parametrize("name", ["localisation_auc", "auprc", "top_k_intersection", "relevance_rank"])
def test_only_the_order_counts(name: str) -> None:
    maps, truth, impossible = drawn(rounded=True)
    expected = metrics[name].function(maps, truth, impossible)
    assert metrics[name].function(torch.from_numpy(np.arctan(maps.numpy())) - 5, truth, impossible).equal(expected)


@pytest.mark.parametrize("name", ["localisation_auc", "auprc", "top_k_intersection"])
def test_elements_that_nobody_asks_about_do_not_count(name: str) -> None:
    maps, truth, impossible = drawn(rounded=True)
    expected = metrics[name].function(maps, truth, impossible)
    loud = maps.where(truth | impossible, 100.0)
    assert metrics[name].function(loud, truth, impossible).equal(expected)
    assert metrics[name].function(-loud, truth, impossible).isfinite().all()
