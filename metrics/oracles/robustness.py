"""Proofs of stability: maps that change by a known share of what their input, or its representation, does."""

from math import nan, sqrt

import torch
from torch import Tensor, nn

from ...benchmark import BlackBox
from ...benchmark.checks import Case, ask, oracle
from ...benchmark.checks._questions import Question
from ._greys import (
    GREY,
    N,
    all_of,
    bright,
    broken,
    gradient,
    grey,
    itself,
    jump,
    off_grey,
    ones,
    pictures,
    steadfast,
    zeros,
)

SENSITIVITIES = ("max_sensitivity", "average_sensitivity")
RELATIVE = ("relative_input_stability", "relative_output_stability")
STABILITIES = (*SENSITIVITIES, "local_lipschitz", *RELATIVE)


@oracle("stability")
def gradient_of_a_linear_model_never_changes() -> Case:
    """The gradient of a linear model is its weights, here and beside: every change is exactly 0."""
    weights = torch.linspace(-1, 2, 36)
    question = ask(lambda x: 100 + x.flatten(1) @ weights, pictures())
    return Case(question, weights.double().expand(N, -1), all_of(0.0, *STABILITIES), method=gradient)


@oracle("stability")
def map_that_is_the_picture_changes_as_the_picture_does() -> Case:
    """|x' - x| / |x| over |x' - x| is 1 / |x|, and over |x' - x| / |x| is 1, for every copy."""
    x = pictures()
    expected = {"local_lipschitz": 1 / x.double().flatten(1).norm(dim=1), **all_of(1.0, "relative_input_stability")}
    return Case(ask(bright, x), x.flatten(1), expected, method=itself)


@oracle("stability", tolerance=1e-4)
def columns_of_any_unit_count_alike() -> Case:
    """A map of columns, each relative to where it was, changes as they do: 1, and 1 / sqrt(4) over their distance."""
    baseline = torch.tensor([[5000.0, 0.0, -1.0, 0.25]])
    unit = torch.tensor([[1000.0, 1e-3, 1.0, 0.5]])
    expected = {**all_of(1.0, "relative_input_stability"), **all_of(0.5, "local_lipschitz")}

    def share(x: Tensor, baseline: Tensor) -> Tensor:
        """The distance of a row from its baseline, in units of each column."""
        return (x.double() - baseline.double()) / unit.double()

    x = (baseline + unit).double().expand(N, -1)
    return Case(ask(bright, x, baseline=baseline), torch.ones(N, 4), expected, method=share)


@oracle("stability")
def row_at_its_baseline_has_no_copies() -> Case:
    """Noise in multiples of nothing moves nothing: undefined, although the map does not change."""
    x = torch.ones(N, 4)
    return Case(ask(bright, x, baseline=x), x, all_of(nan, *STABILITIES), method=ones)


@oracle("stability", tolerance=1e-4)
def map_of_the_score_changes_as_the_logits_do() -> Case:
    """A map that is the score everywhere changes by |s' - s| / |s|, the logits (s, 0) by |s' - s|: their ratio."""
    x = pictures()

    def scored(model: BlackBox, x: Tensor, target: Tensor) -> Tensor:
        """The score of the input, at each element."""
        return model.score(x, target)[:, None].expand(-1, x[0].numel())

    score = x.double().flatten(1).sum(1)
    expected = {"relative_output_stability": 1 / score}
    return Case(ask(lambda x: x.double().flatten(1).sum(1), x), score[:, None].expand(-1, 36), expected, method=scored)


@oracle("stability")
def map_that_jumps_is_as_far_away_everywhere() -> Case:
    """From 1 to 4 at each pixel of every copy: a change of 3 times the length, at most and on average."""
    return Case(ask(bright, grey()), torch.ones(N, 64), all_of(3.0, *SENSITIVITIES), method=jump)


@oracle("stability", tolerance=0.08)
def map_that_jumps_half_of_the_time() -> Case:
    """A map that doubles where the first pixel grew: 1 at most, 1/2 on average over 1000 two-sided draws."""

    def grown(x: Tensor) -> Tensor:
        """One for each pixel; two where the first one is lighter than grey."""
        return torch.ones_like(x) * (1 + (x[:, :, :1, :1] > GREY))

    expected = {**all_of(1.0, "max_sensitivity"), **all_of(0.5, "average_sensitivity")}
    return Case(ask(bright, grey(1)), torch.ones(N, 1), expected, {"samples": 1000}, grown)


@oracle("stability", tolerance=0.01)
def noise_is_uniform_up_to_the_radius() -> Case:
    """Uniform noise in [-r, r] has the length r / sqrt(3) per pixel: of 65536 grey pixels, 2 r / sqrt(3) relative."""
    x = grey(256, N)
    expected = all_of(0.25 / GREY / sqrt(3), *SENSITIVITIES)
    return Case(ask(bright, x), x.flatten(1), expected, {"radius": 0.25}, itself)


@oracle("stability", tolerance=2e-4)
def noise_of_a_column_is_a_share_of_its_distance() -> Case:
    """Of columns from 1e-3 to 1e3 away from their baseline, each in that unit, noise is r / sqrt(3) all the same."""
    unit = torch.logspace(-3, 3, 20000).double()

    def share(x: Tensor) -> Tensor:
        """The distance of a row from its baseline, in units of each column."""
        return (x - 7) / unit

    x = (7 + unit).expand(N, -1)
    question = ask(bright, x, baseline=torch.full_like(x, 7))
    return Case(question, torch.ones(N, 20000), all_of(0.02 / sqrt(3), *SENSITIVITIES), method=share)


@oracle("stability", tolerance=0.01)
def noise_is_two_sided() -> Case:
    """The mean of 65536 pixels stays; noise in [0, r] would raise it by r / 2, half of itself here."""

    def mean(x: Tensor) -> Tensor:
        """The mean of the picture, at each pixel."""
        return x.mean((1, 2, 3), keepdim=True).expand_as(x)

    x = grey(256, N)
    return Case(ask(bright, x), x.flatten(1), all_of(0.0, *SENSITIVITIES), {"radius": 0.5}, mean)


@oracle("stability")
def copies_of_another_class_do_not_count() -> Case:
    """Every copy of a grey picture is of the other class: relative stability is undefined, sensitivity is not."""
    expected = {**all_of(3.0, *SENSITIVITIES), **all_of(nan, *RELATIVE)}
    return Case(ask(steadfast(0.0), grey()), torch.ones(N, 64), expected, method=jump)


@oracle("stability")
def change_is_no_share_of_none() -> Case:
    """A model that never changes its logits says nothing of how much its explanation may: undefined, not enormous."""
    question = ask(lambda x: 0 * x.flatten(1).sum(1) + 1, grey())
    expected = {**all_of(nan, "relative_output_stability"), **all_of(3.0, *SENSITIVITIES)}
    return Case(question, torch.ones(N, 64), expected, method=jump)


@oracle("stability")
def zero_map_has_no_relative_change() -> Case:
    """Nothing relative to nothing is undefined, not stable."""
    return Case(ask(bright, pictures()), torch.zeros(N, 36), all_of(nan, *STABILITIES), method=zeros)


@oracle("stability")
def explanation_that_breaks_beside_its_input() -> Case:
    """Copies whose maps are not finite have no change: undefined, neither infinite nor left out."""
    return Case(ask(bright, grey()), torch.ones(N, 64), all_of(nan, *STABILITIES), method=broken)


class Shifted(nn.Module):
    """A network whose hidden layer is the picture, scaled and shifted; its class 0 always wins."""

    def __init__(self, scale: float, shift: float) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(1, 1, 1)
        with torch.no_grad():
            self.hidden.weight.fill_(scale)
            self.hidden.bias.fill_(shift)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        score = self.hidden(x).flatten(1).sum(1) / 64
        return torch.stack([score, torch.full_like(score, -1e6)], 1)


def hiding(x: Tensor, scale: float, shift: float = 0.0) -> Question:
    """Ask a network whose hidden layer is known."""
    return ask(Shifted(scale, shift), x, layers=("hidden",))


@oracle("representation_stability", tolerance=1e-4)
def representation_that_is_the_picture() -> Case:
    """Hidden values 4 x change as x does, and so does a map that is x: 1."""
    x = pictures()
    return Case(hiding(x, 4.0), x.flatten(1), all_of(1.0, "representation_stability"), method=itself)


@oracle("representation_stability", tolerance=1e-4)
def representation_that_is_the_picture_and_more() -> Case:
    """Hidden values x + 2 change by |x' - x| / |x + 2|: the map x changes |x + 2| / |x| times as much."""
    x = pictures()
    length = [(x.double() + shift).flatten(1).norm(dim=1) for shift in (2.0, 0.0)]
    expected = {"representation_stability": length[0] / length[1]}
    return Case(hiding(x, 1.0, 2.0), x.flatten(1), expected, method=itself)


@oracle("representation_stability")
def gradient_over_a_representation_never_changes() -> Case:
    """The network is linear, and its gradient the same for every copy: 0."""
    x = pictures()
    maps = torch.full((N, 36), 3.0 / 64)
    return Case(hiding(x, 3.0), maps, all_of(0.0, "representation_stability"), method=gradient)


@oracle("representation_stability")
def silent_layer_has_no_relative_change() -> Case:
    """A layer of zeros cannot be a measure: undefined."""
    x = pictures()
    return Case(hiding(x, 0.0), x.flatten(1), all_of(nan, "representation_stability"), method=itself)


@oracle("representation_stability")
def layer_that_never_changes_is_no_measure() -> Case:
    """Hidden values of 2, whatever the picture: undefined, not enormous."""
    return Case(hiding(grey(), 0.0, 2.0), torch.ones(N, 64), all_of(nan, "representation_stability"), method=jump)


@oracle("representation_stability")
def zero_map_over_a_representation() -> Case:
    """A zero map is undefined, not stable."""
    return Case(hiding(pictures(), 1.0), torch.zeros(N, 36), all_of(nan, "representation_stability"), method=zeros)


@oracle("representation_stability")
def no_copy_keeps_its_class() -> Case:
    """Class 0 is predicted of grey pictures alone: no copy counts."""

    class Wary(Shifted):
        def forward(self, x: Tensor) -> Tensor:
            score = self.hidden(x).flatten(1).sum(1)
            return torch.stack([score, score + 2 * off_grey(x).flatten() - 1], 1)

    question = ask(Wary(1.0, 0.0), grey(), layers=("hidden",))
    return Case(question, grey().flatten(1), all_of(nan, "representation_stability"), method=itself)
