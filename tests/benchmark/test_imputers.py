"""Imputers against closed forms, plain loops and other solvers."""

from collections.abc import Callable
from inspect import signature
from math import exp

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

from heatproof.benchmark import Refused, Rng, streams
from heatproof.benchmark.imputation.baseline import baseline
from heatproof.benchmark.imputation.blur import blur
from heatproof.benchmark.imputation.constant import constant
from heatproof.benchmark.imputation.marginal import marginal
from heatproof.benchmark.imputation.mean import mean
from heatproof.benchmark.imputation.nearest import nearest
from heatproof.benchmark.imputation.noise import noise
from heatproof.benchmark.imputation.noisy_linear import noisy_linear
from heatproof.benchmark.imputation.redraw import redraw
from heatproof.benchmark.registry import imputers

Fill = Callable[..., Tensor]

FILLS = [baseline, blur, constant, marginal, mean, nearest, noise, noisy_linear, redraw]
OF_PICTURES = [blur, mean, nearest, noise, noisy_linear]
RANDOM = [marginal, noise, noisy_linear]

each_fill = pytest.mark.parametrize("fill", FILLS, ids=lambda fill: fill.__name__)


def ids(count: int) -> list[str]:
    return [f"sample/{i}" for i in range(count)]


def rng(count: int, seed: int = 0) -> Rng:
    return streams(ids(count), seed, "fill")


def pictures(count: int = 4, channels: int = 3, height: int = 9, width: int = 7) -> Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(1))


def some(x: Tensor, share: float = 0.5) -> Tensor:
    """A choice of pixels, of which one at least is kept."""
    kept = torch.rand(len(x), x[0, 0].numel(), generator=torch.Generator().manual_seed(2)) < share
    kept[:, 5] = True
    return kept


def give(fill: Fill, x: Tensor, kept: Tensor, streams: Rng) -> Tensor:
    """Call an imputer with what it names, as the kernel does; its hidden elements are put into x where it does not."""
    background = torch.linspace(0, 1, x.shape[1]).reshape(1, -1, *[1] * (x.ndim - 2)).expand_as(x)
    pool = 1 - pictures(6, *x.shape[1:]) if x.ndim == 4 else torch.arange(6.0)[:, None].expand(-1, x.shape[1])
    shown = kept.reshape(len(x), 1, *x.shape[2:]) if x.ndim == 4 else kept
    offers: dict[str, object] = {"x": x, "baseline": background, "kept": kept, "rng": streams, "pool": pool}
    offers["redraw"] = lambda seen: torch.where(seen.reshape(shown.shape), x, 0.25)
    filled = fill(*(offers[name] for name in imputers[fill.__name__].needs))
    return filled if "kept" in signature(fill).parameters else torch.where(shown, x, filled)


# All of them.


@each_fill
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_keeps_what_is_kept_to_the_bit_and_replaces_the_rest(fill: Fill, dtype: torch.dtype) -> None:
    x = pictures().to(dtype)
    kept = some(x)
    filled = give(fill, x, kept, rng(len(x)))
    assert filled.shape == x.shape
    shown = kept.reshape(len(x), 1, *x.shape[2:]).expand_as(x)
    assert filled[shown].equal(x[shown])
    assert not (filled[~shown] == x[~shown]).any()
    assert filled.isfinite().all()


@each_fill
def test_does_not_touch_its_inputs(fill: Fill) -> None:
    x = pictures().double()
    kept = some(x)
    before = x.clone(), kept.clone()
    give(fill, x, kept, rng(len(x)))
    assert x.equal(before[0])
    assert kept.equal(before[1])


@each_fill
def test_nothing_hidden_is_the_picture(fill: Fill) -> None:
    x = pictures()
    assert give(fill, x, torch.ones(len(x), 63, dtype=torch.bool), rng(len(x))).equal(x)


@each_fill
def test_alone_is_as_in_a_batch(fill: Fill) -> None:
    x = pictures(5)
    kept = some(x, 0.2)
    kept[3] = False
    together = give(fill, x, kept, rng(5))
    for i in range(5):
        alone = give(fill, x[i : i + 1], kept[i : i + 1], streams(ids(5)[i : i + 1], 0, "fill"))
        torch.testing.assert_close(alone, together[i : i + 1], rtol=0, atol=1e-7)


@pytest.mark.parametrize("fill", [blur, mean, nearest, noisy_linear], ids=lambda fill: fill.__name__)
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_one_colour_stays(fill: Fill, share: float) -> None:
    x = torch.tensor([0.3, 0.7, 0.1])[None, :, None, None].expand(2, -1, 8, 8)
    kept = torch.rand(2, 64, generator=torch.Generator().manual_seed(3)) < share
    settings = {"noise": 0.0} if fill is noisy_linear else {}
    filled = give(fill, x, kept, rng(2)) if not settings else fill(x, kept, rng(2), **settings)
    torch.testing.assert_close(filled, x, rtol=0, atol=1e-7)


@pytest.mark.parametrize("fill", RANDOM, ids=lambda fill: fill.__name__)
def test_draws_by_the_samples_own_streams(fill: Fill) -> None:
    x = pictures(3).double()
    hidden = torch.zeros(3, 63, dtype=torch.bool)
    first = give(fill, x, hidden, rng(3))
    assert first.equal(give(fill, x, hidden, rng(3)))
    assert not first.equal(give(fill, x, hidden, rng(3, seed=1)))
    swapped = give(fill, x.flip(0), hidden, streams(ids(3)[::-1], 0, "fill"))
    assert swapped.flip(0).equal(first)


@pytest.mark.parametrize("fill", OF_PICTURES, ids=lambda fill: fill.__name__)
def test_rows_are_refused_where_only_pictures_have_an_answer(fill: Fill) -> None:
    with pytest.raises(Refused, match=r"a row \(5,\) has no .*: use the imputer baseline or marginal"):
        give(fill, torch.rand(2, 5), torch.ones(2, 5, dtype=torch.bool), rng(2))


@pytest.mark.parametrize("fill", [baseline, constant, marginal, redraw], ids=lambda fill: fill.__name__)
def test_rows_are_filled_column_by_column(fill: Fill) -> None:
    x = torch.rand(4, 5) + 10
    kept = torch.eye(4, 5, dtype=torch.bool)
    filled = give(fill, x, kept, rng(4))
    assert filled[kept].equal(x[kept])
    assert (filled[~kept] < 10).all()


# One whole picture for all choices.


def test_baseline_is_the_tasks_own() -> None:
    given = torch.rand(2, 3, 4, 4)
    assert baseline(given) is given


def test_constant_is_its_value() -> None:
    assert (constant(pictures()) == 0.5).all()
    assert (constant(torch.rand(2, 5), value=-1.5) == -1.5).all()


def test_constant_refuses_token_ids() -> None:
    with pytest.raises(Refused, match="a token id"):
        constant(torch.tensor([[3, 1, 2]]))


def test_mean_is_each_channels_own() -> None:
    x = torch.zeros(2, 2, 2, 2)
    x[0, 0] = torch.tensor([[0.0, 1.0], [0.5, 0.5]])
    x[1, 1] = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    assert mean(x)[:, :, 0, 0].tolist() == [[0.5, 0.0], [0.0, 0.75]]
    assert mean(x).equal(mean(x)[..., :1, :1].expand(-1, -1, 2, 2))


@pytest.mark.parametrize("share", [0.02, 1 / 11, 0.5])
@pytest.mark.parametrize(("height", "width"), [(24, 40), (33, 20), (1, 9)])
def test_blur_is_scipys(share: float, height: int, width: int) -> None:
    x = pictures(2, 3, height, width)
    sigma = share * min(height, width)
    for picture, blurred in zip(x, blur(x, share=share), strict=True):
        expected = torch.from_numpy(gaussian_filter(picture.double().numpy(), (0, sigma, sigma)))
        torch.testing.assert_close(blurred.double(), expected, rtol=0, atol=1e-7)


def test_blur_is_a_gaussian_one_eleventh_of_the_side_wide() -> None:
    x = torch.zeros(1, 1, 44, 88, dtype=torch.float64)
    x[..., 22, 44] = 1.0
    spot = blur(x)[0, 0]
    assert (spot[22, 48] / spot[22, 44]).item() == pytest.approx(exp(-(4**2) / (2 * 4**2)), rel=1e-9)
    assert (spot[19, 46] / spot[22, 44]).item() == pytest.approx(exp(-(3**2 + 2**2) / (2 * 4**2)), rel=1e-9)
    assert spot.sum().item() == pytest.approx(1.0, rel=1e-9)


def test_blur_refuses_a_share_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"share is 0\.0"):
        blur(pictures(), share=0.0)


def test_noise_is_uniform() -> None:
    drawn = noise(pictures(2, 3, 100, 100), rng(2)).double()
    assert drawn.min() >= 0
    assert drawn.max() < 1
    for moment in (1, 2, 3):  # 60,000 numbers: the standard errors are below 0.0013
        assert drawn.pow(moment).mean().item() == pytest.approx(1 / (moment + 1), abs=0.006)
    assert drawn.flatten().sort().values.diff().count_nonzero() > 50_000


def test_marginal_is_a_row_of_the_pool_by_the_samples_stream() -> None:
    pool = torch.arange(12.0).reshape(4, 3)
    drawn = marginal(torch.zeros(200, 3), pool, rng(200))
    assert drawn.equal(pool[rng(200).integers(4)])
    counts = (drawn[:, 0] / 3).long().bincount()
    assert len(counts) == 4
    assert (counts - 50).abs().max() < 4 * (200 * 3 / 16) ** 0.5


def test_redraw_asks_for_what_is_kept() -> None:
    kept = torch.eye(3, dtype=torch.bool)
    assert redraw(kept, lambda seen: 2.0 * seen).equal(2.0 * torch.eye(3))


# The nearest pixel.


def nearest_by_loops(x: Tensor, kept: Tensor) -> Tensor:
    """All pairs; of equals the leftmost, then the uppermost."""
    filled = x.clone()
    height, width = x.shape[2:]
    for i, mask in enumerate(kept.reshape(-1, height, width)):
        seen = [(row, column) for column in range(width) for row in range(height) if mask[row, column]]
        for row in range(height):
            for column in range(width):
                a, b = min(seen, key=lambda at: (at[0] - row) ** 2 + (at[1] - column) ** 2)
                filled[i, :, row, column] = x[i, :, a, b]
    return filled


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.6, 0.95])
@pytest.mark.parametrize(("height", "width"), [(9, 7), (5, 12), (1, 10), (10, 1)])
def test_nearest_is_the_nearest_of_all_pairs(share: float, height: int, width: int) -> None:
    x = pictures(8, 2, height, width)
    kept = some(x, share)
    assert nearest(x, kept).equal(nearest_by_loops(x, kept))


def test_nearest_of_one_pixel_is_its_colour() -> None:
    x = pictures()
    kept = torch.zeros(4, 63, dtype=torch.bool)
    kept[torch.arange(4), torch.tensor([0, 20, 40, 62])] = True
    for i, at in enumerate([0, 20, 40, 62]):
        assert nearest(x, kept)[i].equal(x[i].flatten(1)[:, at][:, None, None].expand(-1, 9, 7))


@pytest.mark.parametrize("fill", [nearest, noisy_linear], ids=lambda fill: fill.__name__)
def test_nothing_kept_is_the_mean_colour(fill: Fill) -> None:
    x = pictures()
    nothing = torch.zeros(4, 63, dtype=torch.bool)
    filled = nearest(x, nothing) if fill is nearest else noisy_linear(x, nothing, rng(4), noise=0)
    assert filled.equal(mean(x))


# The mean of the neighbours.

WEIGHTS = {(i, j): 1 / 12 if i and j else 1 / 6 for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j}


def solved(picture: Tensor, kept: Tensor) -> Tensor:
    """Equation by equation: what is kept is itself, what is hidden the mean of the neighbours that there are."""
    height, width = picture.shape[1:]
    size = height * width
    system, values = lil_matrix((size, size)), torch.zeros(size, len(picture), dtype=torch.float64)
    for pixel in range(size):
        row, column = divmod(pixel, width)
        system[pixel, pixel] = 1.0
        if kept[pixel]:
            values[pixel] = picture[:, row, column]
            continue
        beside = {(row + i, column + j): weight for (i, j), weight in WEIGHTS.items()}
        there = {(a, b): weight for (a, b), weight in beside.items() if 0 <= a < height and 0 <= b < width}
        for (a, b), weight in there.items():
            system[pixel, a * width + b] = -weight / sum(there.values())
    solution = torch.from_numpy(spsolve(system.tocsc(), values.numpy())).reshape(size, -1)
    return solution.T.reshape(picture.shape)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.75])
@pytest.mark.parametrize(("height", "width"), [(9, 7), (16, 16), (5, 23), (1, 12), (11, 1), (2, 2)])
def test_noisy_linear_solves_the_equations(share: float, height: int, width: int) -> None:
    x = pictures(3, 2, height, width).double()
    kept = torch.rand(3, height * width, generator=torch.Generator().manual_seed(4)) < share
    kept[:, height * width // 3] = True
    for picture, mask, filled in zip(x, kept, noisy_linear(x, kept, rng(3), noise=0), strict=True):
        torch.testing.assert_close(filled, solved(picture, mask), rtol=0, atol=1e-7)


@pytest.mark.parametrize("hole", ["left half", "all but a corner", "frame", "ring", "stripes"])
def test_noisy_linear_solves_large_holes(hole: str) -> None:
    x = pictures(2, 3, 40, 32).double()
    row, column = torch.arange(40)[:, None], torch.arange(32)
    distance = (row - 20).square() + (column - 16).square()
    kept = {
        "left half": (column >= 16).expand(40, -1),
        "all but a corner": row + column == 0,
        "frame": distance < 40,
        "ring": (distance < 20) | (distance > 150),
        "stripes": (row % 4 == 0).expand(-1, 32),
    }[hole].flatten()
    for picture, filled in zip(x, noisy_linear(x, kept.expand(2, -1), rng(2), noise=0), strict=True):
        torch.testing.assert_close(filled, solved(picture, kept), rtol=0, atol=1e-7)


def test_noisy_linear_of_one_hidden_pixel_is_the_mean_of_its_neighbours() -> None:
    x = torch.tensor([[[[0.0, 6.0, 0.0], [12.0, 99.0, 0.0], [24.0, 0.0, 0.0]]]])
    kept = torch.ones(1, 9, dtype=torch.bool)
    kept[0, 4] = False
    assert noisy_linear(x, kept, rng(1), noise=0)[0, 0, 1, 1].item() == pytest.approx(1 + 2 + 2, abs=1e-5)
    corner = torch.ones(1, 9, dtype=torch.bool)
    corner[0, 0] = False
    # Its neighbours are 6, 12 and the diagonal 99; the weights that are left are 1/6, 1/6 and 1/12.
    expected = (6 / 6 + 12 / 6 + 99 / 12) / (5 / 12)
    assert noisy_linear(x, corner, rng(1), noise=0)[0, 0, 0, 0].item() == pytest.approx(expected, abs=1e-5)


def test_noisy_linear_continues_a_ramp() -> None:
    """Weights are symmetric: an inner hole in any ramp, and one in a level ramp that reaches the upper border."""
    row, column = torch.arange(12.0)[:, None], torch.arange(15.0)
    x = torch.stack([0.01 * row + 0.05 * column + 0.1, (0.05 * column).expand(12, -1)])[None].double()
    inner, upper = torch.ones(12, 15, dtype=torch.bool), torch.ones(12, 15, dtype=torch.bool)
    inner[2:10, 1:14] = False
    upper[:5, 3:12] = False
    torch.testing.assert_close(noisy_linear(x, inner.reshape(1, -1), rng(1), noise=0), x, rtol=0, atol=1e-7)
    level = x[:, 1:]
    torch.testing.assert_close(noisy_linear(level, upper.reshape(1, -1), rng(1), noise=0), level, rtol=0, atol=1e-7)


def test_noisy_linear_of_a_line_interpolates_inside_and_continues_outside() -> None:
    x = torch.rand(1, 1, 1, 9, dtype=torch.float64)
    x[..., 2], x[..., 6] = 0.2, 0.6
    kept = torch.zeros(1, 9, dtype=torch.bool)
    kept[0, [2, 6]] = True
    expected = torch.tensor([0.2, 0.2, 0.2, 0.3, 0.4, 0.5, 0.6, 0.6, 0.6], dtype=torch.float64)
    torch.testing.assert_close(noisy_linear(x, kept, rng(1), noise=0)[0, 0, 0], expected, rtol=0, atol=1e-7)


@given(st.integers(0, 2**32), st.floats(0, 0.9))
def test_noisy_linear_stays_between_what_is_kept(seed: int, share: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    x, kept = torch.rand(1, 1, 8, 6, generator=draw).double(), torch.rand(1, 48, generator=draw) < share
    kept[0, seed % 48] = True
    seen = x.flatten()[kept[0]]
    filled = noisy_linear(x, kept, rng(1), noise=0)
    assert filled.min() >= seen.min() - 1e-7
    assert filled.max() <= seen.max() + 1e-7


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_noisy_linear_is_linear(scale: float) -> None:
    x = pictures().double()
    kept = some(x, 0.2)
    scaled, plain = (noisy_linear(factor * x, kept, rng(4), noise=0) for factor in (scale, 1.0))
    torch.testing.assert_close(scaled / scale, plain, rtol=0, atol=1e-7)


def test_noisy_linear_does_not_look_at_what_is_hidden() -> None:
    x = pictures().double()
    kept = some(x)
    other = torch.where(kept.reshape(4, 1, 9, 7), x, torch.nan)
    assert noisy_linear(x, kept, rng(4)).equal(noisy_linear(other, kept, rng(4)))


def test_noisy_linear_adds_the_streams_noise_to_hidden_pixels_alone() -> None:
    x = pictures().double()
    kept = some(x)
    added = noisy_linear(x, kept, rng(4), noise=0.2) - noisy_linear(x, kept, rng(4), noise=0)
    expected = torch.where(kept.reshape(4, 1, 9, 7), 0.0, 0.2 * rng(4).normal(3, 9, 7).double())
    torch.testing.assert_close(added, expected, rtol=0, atol=1e-12)


def test_noisy_linear_refuses_less_than_no_noise() -> None:
    with pytest.raises(ValueError, match="noise is -1"):
        noisy_linear(pictures(), some(pictures()), rng(4), noise=-1)
