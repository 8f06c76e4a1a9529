"""The information curves beyond their oracles: the codec, what is refused, and the cost of one picture."""

from collections.abc import Callable
from importlib import import_module

import pytest
import torch
from torch import Tensor

from heatproof.benchmark import Refused, metrics
from heatproof.benchmark.checks import Question, ask
from heatproof.benchmark.harness import Asked, score

Scored = Callable[..., dict[str, Tensor]]
MODULE = "heatproof.metrics.faithfulness.information_curves"


def corner(x: Tensor) -> Tensor:
    """Ask how sharp the upper left corner is, against what a blurred one has."""
    edges = x[:, 0, :8, :8].diff(dim=2).abs().mean((1, 2))
    return torch.stack([12 * edges, torch.full_like(edges, 3.0)], 1)


@pytest.fixture
def pictures() -> Question:
    return ask(corner, torch.rand(4, 3, 16, 20, generator=torch.Generator().manual_seed(71), dtype=torch.float64))


@pytest.fixture
def inside() -> Tensor:
    """A map that has the corner first, in a random order."""
    noise = torch.rand(4, 16, 20, generator=torch.Generator().manual_seed(72), dtype=torch.float64)
    noise[:, :8, :8] += 2
    return noise.flatten(1)


def test_the_corner_first_is_best_and_last_is_worst(scored: Scored, pictures: Question, inside: Tensor) -> None:
    noise = torch.rand(4, 320, generator=torch.Generator().manual_seed(73), dtype=torch.float64)
    best, middle, worst = (scored("information_curves", pictures, each) for each in (inside, noise, -inside))
    for name in ("sic", "aic"):
        assert (best[name] > middle[name] + 0.1).all()
        assert (middle[name] >= worst[name]).all()


def test_curves_start_at_the_blurred_picture_and_end_at_the_whole_one(
    scored: Scored, pictures: Question, inside: Tensor
) -> None:
    found = scored("information_curves", pictures, inside)
    assert found["information"].shape == (4, 13)
    assert (found["information"][:, 0] == 0).all()
    assert (found["information"][:, -1] == 1).all()
    assert (found["information"].diff(dim=1) >= 0).all()
    assert (found["probability_curve"][:, -1] == 1).all()
    assert found["prediction_curve"][:, [0, -1]].tolist() == [[0.0, 1.0]] * 4


def test_png_measures_where_there_is_no_webp(
    scored: Scored, pictures: Question, inside: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    webp = scored("information_curves", pictures, inside)
    monkeypatch.setattr(import_module(MODULE), "CODEC", "png")
    png = scored("information_curves", pictures, inside)
    for name in ("sic", "aic"):
        assert png[name].isfinite().all()
        assert not png[name].equal(webp[name])
        torch.testing.assert_close(png[name], webp[name], rtol=0, atol=0.15)


def test_pixels_beyond_the_usual_range_keep_their_shades(scored: Scored, inside: Tensor) -> None:
    """Pictures from -1 to 1, or to 3, are not cut off: a corner of large values is information, too."""
    x = torch.rand(4, 3, 16, 20, generator=torch.Generator().manual_seed(71), dtype=torch.float64)
    for low, high in ((-1.0, 1.0), (0.0, 3.0), (1.0, 1.5)):
        question = ask(lambda x, width=high - low: corner(x / width), low + (high - low) * x)
        found = scored("information_curves", question, inside)
        assert found["sic"].isfinite().all()


@pytest.mark.parametrize("shape", [(2, 6), (2, 2, 8, 8), (2, 4, 8, 8)])
def test_what_is_no_picture_is_refused(scored: Scored, shape: tuple[int, ...]) -> None:
    x = torch.rand(shape, dtype=torch.float64)
    question = ask(lambda x: x.flatten(1).sum(1), x)
    with pytest.raises(Refused, match="1 or 3 channels"):
        scored("information_curves", question, torch.rand(2, question.batch.units.shape[1]).double())


def test_one_picture_that_cannot_be_judged_leaves_the_others_alone(
    scored: Scored, pictures: Question, inside: Tensor
) -> None:
    x = pictures.batch.x.clone()
    x[1] = 0.5
    question = ask(corner, x)
    plain, found = scored("information_curves", pictures, inside), scored("information_curves", question, inside)
    for name in ("sic", "aic"):
        assert found[name].isnan().tolist() == [False, True, False, False]
        torch.testing.assert_close(found[name][[0, 2, 3]], plain[name][[0, 2, 3]], rtol=1e-12, atol=0)


def test_bills_thirteen_passes(pictures: Question, inside: Tensor) -> None:
    asked = Asked(metrics["information_curves"], {})
    cost = score(asked, pictures.gate, pictures.batch, inside, None)[1]
    assert (cost.forward, cost.backward) == (4 * 13, 0)
