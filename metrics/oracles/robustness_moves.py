"""Proofs of continuity and consistency: pictures that move, and predictions that hold for a known share of noise."""

from math import nan, sqrt

import torch
from torch import Tensor, nn

from ...benchmark import BlackBox
from ...benchmark.checks import Case, ask, oracle
from ._greys import (
    GREY,
    N,
    all_of,
    bright,
    broken,
    gradient,
    grey,
    itself,
    off_grey,
    ones,
    pictures,
    steadfast,
    turn,
    zeros,
)


def dot(value: float) -> Tensor:
    """Return black pictures 9 x 9 with one pixel in the middle."""
    x = torch.zeros(4, 1, 9, 9)
    x[:, :, 4, 4] = value
    return x


@oracle("continuity")
def dot_that_is_its_own_map_moves() -> Case:
    """A pixel v that moves changes the picture by v sqrt(2), a map that is the picture by 2 v of v: sqrt(2) / v."""
    x = dot(0.25)
    return Case(ask(bright, x), x.flatten(1), {"continuity": torch.full((4,), sqrt(2) / 0.25)}, method=itself)


@oracle("continuity")
def moves_go_up_down_left_and_right() -> Case:
    """A map that doubles for one direction, another for each sample, changes by 1 over v sqrt(2)."""

    def towards(x: Tensor, target: Tensor) -> Tensor:
        """One for each pixel; two where the dot went the way that is asked about."""
        halves = torch.stack(
            [x[:, 0, :4].sum((1, 2)), x[:, 0, 5:].sum((1, 2)), x[..., :4].sum((1, 2, 3)), x[..., 5:].sum((1, 2, 3))], 1
        )
        went = halves.gather(1, target[:, None]) > 0
        return torch.ones_like(x) * (1 + went.to(x)).reshape(-1, 1, 1, 1)

    question = ask(lambda x: x.flatten(1)[:, :4], dot(0.5), target=torch.arange(4))
    return Case(question, torch.ones(4, 81), {"continuity": torch.full((4,), 1 / (0.5 * sqrt(2)))}, method=towards)


@oracle("continuity")
def baseline_comes_in_at_the_edge() -> Case:
    """Of n x n pixels c, a move by d makes d n black: d n c of n n c over c sqrt(d n), most for the longest."""
    n, c, steps = 8, GREY, 5
    expected = torch.full((N,), sqrt(steps * n) / (c * n * n))
    return Case(ask(bright, grey(n)), grey(n).flatten(1), {"continuity": expected}, {"steps": steps}, itself)


@oracle("continuity")
def edge_is_filled_with_the_baseline_of_the_sample() -> Case:
    """A map that trebles where anything is lighter than grey changes by 2, over 1/4 sqrt(8) where a row became 3/4."""

    def lit(x: Tensor) -> Tensor:
        """One for each pixel; three where one of them is lighter than grey."""
        return torch.ones_like(x) * (1 + 2 * (x.amax((1, 2, 3), keepdim=True) > GREY))

    baseline = torch.full((1, 1, 8, 8), 0.75)
    expected = all_of(2 / (0.25 * sqrt(8)), "continuity")
    return Case(ask(bright, grey(), baseline=baseline), torch.ones(N, 64), expected, method=lit)


@oracle("continuity")
def gradient_of_a_linear_model_stays_where_it_is() -> Case:
    """Weights do not move with the picture: 0."""
    weights = torch.linspace(-1, 1, 36)
    question = ask(lambda x: x.flatten(1) @ weights, pictures())
    return Case(question, weights.double().expand(N, -1), all_of(0.0, "continuity"), method=gradient)


@oracle("continuity")
def picture_that_is_its_baseline_does_not_move() -> Case:
    """Grey on grey has no moves: undefined, although the map does not change."""
    x = grey()
    return Case(ask(bright, x, baseline=x), torch.ones(N, 64), all_of(nan, "continuity"), method=ones)


@oracle("continuity")
def zero_map_of_a_moving_picture() -> Case:
    """A zero map is undefined, not continuous."""
    return Case(ask(bright, pictures()), torch.zeros(N, 36), all_of(nan, "continuity"), method=zeros)


FOUR = {"radius": 0.5, "samples": 4}
"""Noise of 1/8, 1/4, 3/8 and 1/2; of 64 pixels, some come within a third of it with a chance beyond 1 - 1e-11."""


@oracle("consistency")
def one_explanation_and_one_prediction() -> Case:
    """The model never changes its mind, and a constant map is the same everywhere: 1."""
    return Case(ask(bright, grey()), torch.ones(N, 64), all_of(1.0, "consistency"), method=ones)


@oracle("consistency")
def one_explanation_and_other_predictions() -> Case:
    """The model changes its mind about every copy, the map does not: 0."""
    return Case(ask(steadfast(0.0), grey()), torch.ones(N, 64), all_of(0.0, "consistency"), method=ones)


@oracle("consistency")
def one_explanation_and_half_of_the_predictions() -> Case:
    """The prediction holds up to 1/4 from grey, and of noise that grows to 1/2 in four steps, two do not pass that."""
    return Case(ask(steadfast(0.25), grey()), torch.ones(N, 64), all_of(0.5, "consistency"), FOUR, ones)


@oracle("consistency")
def only_copies_with_the_same_explanation_count() -> Case:
    """The prediction holds for one copy of four, the explanation for two, which include it: 1/2."""

    def far(x: Tensor) -> Tensor:
        """All relevance on the first pixel up to 1/4 from grey, beyond that on the last."""
        return turn(torch.where(off_grey(x, 0.25) > 0, x, GREY))

    maps = turn(grey()).flatten(1)
    settings = {**FOUR, "share": 1 / 64}
    return Case(ask(steadfast(0.125), grey()), maps, all_of(0.5, "consistency"), settings, far)


@oracle("consistency")
def explanation_that_changes_with_the_prediction() -> Case:
    """A map that changes wherever the prediction does explains it: 1."""

    def faithful(model: BlackBox, x: Tensor) -> Tensor:
        """All relevance on the pixel that stands for the prediction."""
        return nn.functional.one_hot(model.logits(x).argmax(1), 64).to(x).reshape(x.shape)

    maps = nn.functional.one_hot(torch.zeros(N).long(), 64)
    settings = {**FOUR, "share": 1 / 64}
    return Case(ask(steadfast(0.25), grey()), maps, all_of(1.0, "consistency"), settings, faithful)


@oracle("consistency")
def tie_that_is_broken_is_another_explanation() -> Case:
    """The first and the last pixel are tied; in the copies one is ahead, the first or the last: undefined for both."""

    def ahead(x: Tensor, target: Tensor) -> Tensor:
        """One for the first and the last pixel of a grey picture, and for one of them in any other."""
        off = off_grey(x).flatten()
        flat = torch.zeros_like(x).flatten(1)
        flat[:, 0], flat[:, -1] = 1 - off * target, 1 - off * (1 - target)
        return flat.reshape(x.shape)

    target = torch.tensor([0, 1, 0])
    maps = ahead(grey(), target).flatten(1)
    return Case(ask(bright, grey(), target=target), maps, all_of(nan, "consistency"), method=ahead)


@oracle("consistency")
def relevance_counts_per_area() -> Case:
    """The first pixel is a unit, the rest another: fainter everywhere, and more in sum only before there is noise."""

    def faint(x: Tensor) -> Tensor:
        """One for the first pixel; a half for each other of a grey picture, and a hundredth of any other."""
        rest = (0.5 - 0.49 * off_grey(x)) * torch.ones_like(x)
        rest[:, :, 0, 0] = 1.0
        return rest

    units = (torch.arange(64) > 0).long()[None]
    return Case(ask(bright, grey(), units=units), faint(grey()).flatten(1), all_of(1.0, "consistency"), method=faint)


@oracle("consistency")
def explanation_that_breaks_is_nobodys() -> Case:
    """Copies whose maps are not finite are not alike, although all of their pixels are tied: undefined."""
    maps = torch.ones(N, 64)
    return Case(ask(bright, grey()), maps, all_of(nan, "consistency"), method=broken)


@oracle("consistency")
def no_copy_with_the_same_explanation() -> Case:
    """The most relevant pixel is another one in every copy: undefined."""
    maps = turn(grey()).flatten(1)
    return Case(ask(bright, grey()), maps, all_of(nan, "consistency"), {"share": 1 / 64}, turn)
