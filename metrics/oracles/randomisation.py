"""Proofs of randomisation tests: methods whose map rests on one layer, which is forgotten at a known step."""

from math import nan

import torch
from torch import Tensor

from ...benchmark import BlackBox
from ...benchmark.checks import Case, ask, oracle
from ._witness import (
    FALLING,
    FLAT,
    RISING,
    SWAPPED,
    TRAINED,
    Bare,
    N,
    Witness,
    all_of,
    asked,
    blind,
    maps,
    watching,
)

MPRT = ("mprt_cascading", "mprt_independent", "mprt_full")
SMOOTH = ("smooth_mprt", "smooth_mprt_full")


@oracle("mprt")
def map_that_ignores_the_model_is_always_alike() -> Case:
    """A map that asks no model forgets nothing: exactly 1, at every step."""
    return Case(asked(5), maps(), all_of(1.0, *MPRT), method=blind)


@oracle("mprt")
def layers_are_forgotten_from_the_output_on() -> Case:
    """A map that rests on the last layer turns round at once in the cascade; alone it is one of two steps, 1 and -1."""
    expected = {**all_of(-1.0, "mprt_cascading", "mprt_full"), **all_of(0.0, "mprt_independent")}
    return Case(asked(), maps(), expected, method=watching(1, RISING, FALLING))


@oracle("mprt")
def first_layer_is_forgotten_last() -> Case:
    """A map that rests on the first of four layers survives three steps of four: (3 - 1) / 4, in either way."""
    expected = {**all_of(0.5, "mprt_cascading", "mprt_independent"), **all_of(-1.0, "mprt_full")}
    return Case(asked(4), maps(), expected, method=watching(0, RISING, FALLING))


@oracle("mprt")
def fewer_steps_than_layers_are_even_and_end_with_all() -> Case:
    """Of six layers in three steps, the second from the input is reached by the last cascade, and never alone."""
    expected = {**all_of(1 / 3, "mprt_cascading"), **all_of(1.0, "mprt_independent"), **all_of(-1.0, "mprt_full")}
    return Case(asked(6), maps(), expected, {"steps": 3}, watching(1, RISING, FALLING))


@oracle("mprt")
def similarity_is_spearmans() -> Case:
    """Two neighbours change places: a correlation of 0.8, whatever the values."""
    answer = watching(1, RISING, 1e6 * SWAPPED**3)
    return Case(asked(), maps(), all_of(0.8, "mprt_cascading", "mprt_full"), method=answer)


@oracle("mprt")
def similarity_gives_ties_their_mean_rank() -> Case:
    """Ranks (1.5, 1.5, 3, 4) and (1, 2.5, 2.5, 4), less 2.5: a product of 3.75, each of length sqrt(4.5): 5/6."""
    one, other = torch.tensor([0.0, 0.0, 1.0, 5.0]), torch.tensor([0.0, 3.0, 3.0, 9.0])
    expected = all_of(3.75 / 4.5, "mprt_cascading", "mprt_full")
    return Case(asked(), maps(one), expected, method=watching(1, one, other))


@oracle("mprt")
def similarity_is_that_of_signed_maps() -> Case:
    """A map that only changes its sign is as unlike as can be: its magnitudes would be alike."""
    expected = all_of(-1.0, "mprt_cascading", "mprt_full")
    return Case(asked(), maps(FALLING), expected, method=watching(1, FALLING, -FALLING))


@oracle("mprt")
def bare_parameters_are_forgotten_too() -> Case:
    """A map that rests on a parameter that no layer owns turns round when that alone is forgotten, and in the end."""
    expected = {**all_of(0.0, "mprt_cascading", "mprt_independent"), **all_of(-1.0, "mprt_full")}
    question = ask(Bare(), torch.ones(N, 4))
    return Case(question, maps(), expected, method=watching(0, RISING, FALLING))


@oracle("mprt", habit=True)
def constant_map_has_no_order_to_keep() -> Case:
    """Of a constant map no order can be lost: undefined."""
    return Case(asked(), maps(FLAT), all_of(nan, *MPRT), method=watching(0, FLAT, FLAT))


@oracle("mprt")
def steps_without_an_order_do_not_count() -> Case:
    """A map that is constant once all is forgotten is alike until then: 1 over the first step, the last undefined."""
    expected = {**all_of(1.0, "mprt_cascading", "mprt_independent"), **all_of(nan, "mprt_full")}
    return Case(asked(), maps(), expected, method=watching(0, RISING, FLAT))


@oracle("smooth_mprt")
def smoothed_map_that_ignores_the_model() -> Case:
    """The same map under any noise and of any model: exactly 1."""
    return Case(asked(5), maps(), all_of(1.0, *SMOOTH), method=blind)


@oracle("smooth_mprt")
def smoothed_map_that_turns_round() -> Case:
    """A map that rests on the last layer turns round at once: -1."""
    return Case(asked(), maps(), all_of(-1.0, *SMOOTH), method=watching(1, RISING, FALLING))


@oracle("smooth_mprt")
def smoothed_map_survives_until_its_layer() -> Case:
    """In four steps, eight layers are forgotten two at a time; the third goes with the third step: (1 + 1 - 2) / 4."""
    expected = {**all_of(0.0, "smooth_mprt"), **all_of(-1.0, "smooth_mprt_full")}
    return Case(asked(8), maps(), expected, method=watching(3, RISING, FALLING))


@oracle("smooth_mprt")
def maps_are_averaged_before_they_are_compared() -> Case:
    """A map that is flat for half of the noise, the other half once the model forgot: on average in the same order.

    Noisy copies one by one have no correlation, for one of the two maps is always flat.
    """

    def halved(model: BlackBox, x: Tensor) -> Tensor:
        """A rising map on one side of the noise, a flat one on the other."""
        same = model.logits(x)[:, :1] == TRAINED
        return torch.where((x[:, :1] > 1) == same, RISING, FLAT)

    return Case(asked(), maps(), all_of(1.0, *SMOOTH), {"draws": 32, "steps": 1}, halved)


@oracle("smooth_mprt")
def noise_is_normal_and_relative_to_the_column() -> Case:
    """Noise exceeds 1.28 of its standard deviations in 10 % of all draws, 0.25 in 40 %, and between them lies 25 %."""
    row = torch.tensor([[0.01, 5.0, 1.0, 300.0]])

    def counted(model: BlackBox, x: Tensor) -> Tensor:
        """Zero, how often the second column is far out, a quarter, how often the last column is out."""
        noise = (x / row - 1) / 0.1
        seen = torch.stack([0 * x[:, 0], (noise[:, 1] > 1.28).to(x), 0 * x[:, 0] + 0.25, (noise[:, 3] > 0.25).to(x)], 1)
        return torch.where(model.logits(x)[:, :1] == TRAINED, seen, FALLING)

    question = ask(Witness(2), row.expand(N, -1))
    return Case(question, maps(), all_of(-1.0, *SMOOTH), {"draws": 200, "steps": 1}, counted)


@oracle("smooth_mprt", habit=True)
def constant_average_has_no_order() -> Case:
    """A constant map is constant on average: undefined."""
    return Case(asked(), maps(FLAT), all_of(nan, *SMOOTH), method=watching(0, FLAT, FLAT))
