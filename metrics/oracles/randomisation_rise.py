"""Proofs of what rises when all is forgotten, and of what changes with the class."""

from math import log, nan

import torch
from torch import Tensor

from ...benchmark import BlackBox
from ...benchmark.checks import Case, ask, oracle
from ...benchmark.checks._questions import Question
from ._witness import (
    FALLING,
    FLAT,
    RISING,
    SWAPPED,
    TRAINED,
    Answer,
    N,
    Witness,
    all_of,
    asked,
    blind,
    maps,
    watching,
)

HALVES = torch.tensor([0.0, 0.0, 5.0, 5.0])
"""Two values, as often: an entropy of log 2."""


@oracle("efficient_mprt")
def entropy_of_a_map_that_ignores_the_model_does_not_rise() -> Case:
    """The same map has the same entropy: exactly 0."""
    return Case(asked(), maps(), all_of(0.0, "efficient_mprt"), method=blind)


@oracle("efficient_mprt")
def entropy_doubles_from_two_values_to_four() -> Case:
    """From log 2 to log 4: a rise of 1, whatever the values."""
    return Case(asked(), maps(HALVES), all_of(1.0, "efficient_mprt"), method=watching(0, HALVES, 1e9 * FALLING))


@oracle("efficient_mprt")
def bins_are_equal_parts_of_the_maps_own_range() -> Case:
    """In ten bins 0 and 0.9 of 10 fall together, 0 and 1.1 do not: from (3, 1) of 4 to (2, 1, 1)."""
    near, far = torch.tensor([0.0, 0.5, 0.9, 10.0]), torch.tensor([0.0, 0.5, 1.1, 10.0])
    before, after = 0.75 * log(4 / 3) + 0.25 * log(4), 0.5 * log(2) + 0.5 * log(4)
    expected = all_of((after - before) / before, "efficient_mprt")
    return Case(asked(), maps(near), expected, {"bins": 10}, watching(0, near, far))


@oracle("efficient_mprt")
def entropy_is_lost_with_the_map() -> Case:
    """A map that becomes constant has lost all of its entropy: -1."""
    return Case(asked(), maps(HALVES), all_of(-1.0, "efficient_mprt"), method=watching(0, HALVES, FLAT))


@oracle("efficient_mprt")
def everything_is_forgotten_at_once() -> Case:
    """Each of five layers has an effect of its own, and the map shows how many are what they were: none."""

    def count(model: BlackBox, x: Tensor) -> Tensor:
        """A map of two values while any layer is what it was, of four afterwards."""
        same = (model.logits(x) == TRAINED).any(1, keepdim=True)
        return torch.where(same, HALVES, RISING)

    return Case(asked(5), maps(HALVES), all_of(1.0, "efficient_mprt"), method=count)


@oracle("efficient_mprt", habit=True)
def constant_map_has_no_entropy_to_rise() -> Case:
    """Relative to an entropy of zero every rise is undefined."""
    return Case(asked(), maps(FLAT), all_of(nan, "efficient_mprt"), method=watching(0, FLAT, RISING))


def answering(own: Tensor, other: Tensor) -> Answer:
    """Make a method with one map for class 1, and another for all other classes."""

    def answer(x: Tensor, target: Tensor) -> Tensor:
        """The map that was prepared for the class."""
        return torch.where((target == 1)[:, None], own, other)

    return answer


def classes(count: int = 3, samples: int = N) -> Question:
    """Ask a model of so many classes about the second of them."""
    x = torch.ones(samples, 4)
    return ask(Witness(count), x, target=torch.ones(samples, dtype=torch.int64))


@oracle("random_logit")
def map_that_ignores_the_class() -> Case:
    """The same map for every class: exactly 1."""
    return Case(classes(), maps(), all_of(1.0, "random_logit"), method=blind)


@oracle("random_logit")
def other_class_is_never_the_same() -> Case:
    """Of 64 samples and two other classes, none is asked about its own target again: -1 for all."""
    expected = {"random_logit": torch.full((64,), -1.0)}
    own = RISING.double().expand(64, -1)
    return Case(classes(3, 64), own, expected, method=answering(RISING, FALLING))


@oracle("random_logit")
def two_classes_have_one_other() -> Case:
    """Two neighbours change places between the two classes: 0.8."""
    return Case(classes(2), maps(), all_of(0.8, "random_logit"), method=answering(RISING, SWAPPED))


@oracle("random_logit")
def sign_of_the_evidence_counts() -> Case:
    """Evidence for one class is evidence against the other: -1, although the magnitudes are the same."""
    values = torch.tensor([3.0, -1.0, 2.0, -4.0])
    return Case(classes(), maps(values), all_of(-1.0, "random_logit"), method=answering(values, -values))


@oracle("random_logit", habit=True)
def constant_map_of_a_class() -> Case:
    """A constant map, of either class, has no order to be alike: undefined."""
    return Case(classes(), maps(), all_of(nan, "random_logit"), method=answering(RISING, FLAT))
